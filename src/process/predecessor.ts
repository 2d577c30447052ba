/** The process that this one is to replace, as this one sees it: its parent. */
import { type Bequest, CHANNEL, inherit } from "./bequest.js";
import type { FromSuccessor, ToSuccessor } from "./successor.js";
import { binding } from "../native/load.js";
import type { CounterTotals } from "../shard/seats.js";

const ORPHAN_LOOK_MS = 50;

export class Predecessor {
  readonly bequest: Bequest;
  /** Resolves when it has let go of everything, or is gone, with whether a process before this one stays as the parent of all. */
  readonly gone: Promise<boolean>;
  /** What it had counted when it stopped; undefined: it is gone. */
  readonly totals: Promise<CounterTotals | undefined>;

  /** Throws one line. */
  constructor() {
    let counted: (totals: CounterTotals | undefined) => void;
    this.totals = new Promise((resolve) => (counted = resolve));
    this.gone = new Promise((resolve) => {
      process.on("message", (message: ToSuccessor) => {
        if (message.kind === "totals") return counted(message.totals);
        if (message.standsIn) binding.endWithParent();
        resolve(message.standsIn || this.bequest.isStoodFor);
      });
      process.once("disconnect", () => {
        counted(undefined);
        resolve(this.bequest.isStoodFor);
      });
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

/** Also for a process that has no configuration to begin with. One that is gone hears nothing: `disconnect` and the channels say so. */
export function tellPredecessor(message: FromSuccessor): void {
  process.send?.(message, () => undefined);
}
