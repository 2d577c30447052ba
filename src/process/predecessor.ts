/** The process that this one is to replace, as this one sees it: its parent. */
import { type Bequest, CHANNEL, inherit } from "./bequest.js";
import type { FromSuccessor, ToSuccessor } from "./successor.js";
import { binding } from "../native/load.js";

const ORPHAN_LOOK_MS = 50;

export class Predecessor {
  readonly bequest: Bequest;
  /** Resolves when it has let go of everything, or is gone. */
  readonly gone: Promise<void>;

  /** Throws one line. */
  constructor() {
    this.gone = new Promise((resolve) => {
      process.on("message", ({ standsIn }: ToSuccessor) => {
        if (standsIn) binding.endWithParent();
        resolve();
      });
      process.once("disconnect", resolve);
    });
    this.bequest = inherit(CHANNEL);
  }

  say(message: FromSuccessor): void {
    tellPredecessor(message);
  }

  /** Who started the first process must not lose this one: it ends with the process that stands in for all of them. */
  followStandIn(): void {
    if (!this.bequest.isStoodFor) return;
    const parent = process.ppid;
    const look = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(look);
      binding.endWithParent();
    }, ORPHAN_LOOK_MS).unref();
  }
}

/** Also for a process that has no configuration to begin with. */
export function tellPredecessor(message: FromSuccessor): void {
  process.send?.(message);
}
