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

/** A thread that has loaded everything but does not know yet which shard it will be. */
interface WarmThread {
  readonly worker: Worker;
  /** 1: what it will be is in its port. */
  readonly gate: Int32Array;
}

/** In the order of the shards that they will be. */
const warm: WarmThread[] = [];

/** What a thread gets that starts as none yet. */
export interface Waiting {
  readonly gate: Int32Array;
  /** Whether it will need the registrar. */
  readonly isHome: boolean;
}

/** Starts the threads of shards to come. Resolves when they have loaded everything, or have ended. */
export async function warmThreads({ shards, isHome }: { readonly shards: number; readonly isHome: boolean }): Promise<void> {
  await Promise.all(
    Array.from({ length: shards }, (_, shard) => {
      const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
      const worker = newWorker(shard, { gate, isHome } satisfies Waiting);
      warm.push({ worker, gate });
      return new Promise<void>((resolve) => {
        worker.once("message", () => resolve());
        worker.once("error", () => resolve());
        worker.once("exit", () => resolve());
      });
    }),
  );
}

/** One that waits, if there is one for this shard. */
function workerOf(shard: number, start: ShardStart): Worker {
  const { worker, gate } = warm.shift() ?? {};
  if (worker === undefined || gate === undefined || worker.threadId < 0) return newWorker(shard, start);
  worker.postMessage(start);
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  return worker;
}

function newWorker(shard: number, workerData: ShardStart | Waiting): Worker {
  return new Worker(join(PACKAGE_FOLDER, "dist/shard.js"), {
    workerData,
    name: `shard ${shard}`,
    stdout: true,
    stderr: true,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
  });
}

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
    this.#worker = workerOf(shard, { ...start, beats });
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
