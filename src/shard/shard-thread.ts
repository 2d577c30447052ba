/** The thread of one shard, from start to end. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { PACKAGE_FOLDER } from "../base/package-folder.js";
import { Heartbeat, type Pulse } from "./heartbeat.js";
import type { Began, FromShard, ShardStart, ToShard } from "./messages.js";

/** `loading`: modules, policy, store; `ready`: reads as soon as it gets `go`. */
export type ShardState = "loading" | "ready" | "up" | "ended";

// The time limit of a start: opening the store alone may take some seconds.
const LOADING_MS = 30_000;
/** Thus the collector copies 2 MB at most while messages wait, not 16; what stays alive is moved on all the sooner. */
const YOUNG_MEGABYTES = 6;

class Milestone<T = void> {
  resolve!: (value: T) => void;
  reject!: (error: Error) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

export interface ThreadEvents {
  readonly onMessage: (message: Exclude<FromShard, { kind: "ready" | "up" | "failed" }>) => void;
  /** Output of an operator's hook or of a library. */
  readonly onOutput: (text: string) => void;
  readonly onError: (error: Error) => void;
  readonly onEnd: () => void;
}

export class ShardThread {
  /** Fulfilled when it waits for `go`; rejected with the reason when it ends before. */
  readonly ready: Promise<void>;
  /** The same for when it reads. */
  readonly up: Promise<Began>;
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #heartbeat: Heartbeat;
  #state: ShardState = "loading";

  constructor(start: Omit<ShardStart, "beats">, { onMessage, onOutput, onError, onEnd }: ThreadEvents) {
    const beats = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const { shard } = start.config;
    this.#heartbeat = new Heartbeat(new Int32Array(beats));
    this.#worker = new Worker(join(PACKAGE_FOLDER, "dist/shard.js"), {
      workerData: { ...start, beats } satisfies ShardStart,
      name: `shard ${shard}`,
      stdout: true,
      stderr: true,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    let reason = new Error(`shard ${shard} ended before it was up`);
    const [ready, up, ended] = [new Milestone(), new Milestone<Began>(), new Milestone()];
    this.ready = ready.promise;
    this.up = up.promise;
    this.ended = ended.promise;
    // The caller awaits only one of them.
    for (const promise of [this.ready, this.up]) void promise.catch(() => undefined);
    const late = setTimeout(() => {
      reason = new Error(`shard ${shard} was not up within ${LOADING_MS / 1_000} s`);
      this.terminate();
    }, LOADING_MS);
    this.#worker.on("message", (message: FromShard) => {
      switch (message.kind) {
        case "ready":
          this.#state = "ready";
          return ready.resolve();
        case "up":
          this.#state = "up";
          clearTimeout(late);
          return up.resolve(message.began);
        case "failed":
          reason = new Error(`shard ${shard}: ${message.why}`);
          return this.terminate();
        default:
          return onMessage(message);
      }
    });
    // Through the log, as writing to the process's own streams may block.
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) stream.setEncoding("utf8").on("data", onOutput);
    this.#worker.on("error", (error) => {
      reason = error;
      onError(error);
    });
    this.#worker.once("exit", () => {
      clearTimeout(late);
      this.#state = "ended";
      ready.reject(reason);
      up.reject(reason);
      ended.resolve();
      onEnd();
    });
  }

  get state(): ShardState {
    return this.#state;
  }

  /** Only for one that is up. */
  get pulse(): Pulse {
    return this.#state === "up" ? this.#heartbeat.pulse : "beats";
  }

  look(): Pulse {
    return this.#state === "up" ? this.#heartbeat.look() : "beats";
  }

  tell(message: ToShard): void {
    this.#worker.postMessage(message);
  }

  /** Ends JavaScript at once. A thread in a system call ends when the call returns, if ever. */
  terminate(): void {
    void this.#worker.terminate();
  }
}
