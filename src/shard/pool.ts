/** The shards of the process: starts them, tells them what changed, and replaces one that died. */
import { Worker } from "node:worker_threads";
import { getSystemErrorName } from "node:util";
import type { OutboundMode } from "../edge/outbound.js";
import { showListener } from "../config/listener.js";
import type { Log } from "../observe/log.js";
import type { ShardConfig, TlsMaterial, TrustedNet, UpstreamTarget } from "../native/binding.js";
import { Counter } from "../native/layout.js";
import type { FromShard, ShardStart, ToShard } from "./messages.js";

const RESTART_MS = 1_000;

export interface PoolOptions {
  readonly shards: number;
  /** One for each shard. */
  readonly configs: readonly ShardConfig[];
  readonly outbound: OutboundMode;
  readonly policy: string | undefined;
  readonly tls: TlsMaterial | undefined;
  readonly log: Log;
  readonly onNotices: (shard: number, notices: Extract<FromShard, { kind: "notices" }>["notices"]) => void;
}

export class ShardPool {
  readonly #options: PoolOptions;
  readonly #workers: (Worker | undefined)[] = [];
  readonly #counters: BigInt64Array[] = [];
  readonly #drained = new Set<number>();
  #upstreams: Extract<ToShard, { kind: "upstreams" }> = { kind: "upstreams", targets: [], trusted: [] };
  #tls: TlsMaterial | undefined;
  #ending = false;
  #onDrained: () => void = () => undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#tls = options.tls;
    for (let shard = 0; shard < options.shards; shard += 1) {
      this.#counters.push(new BigInt64Array(new SharedArrayBuffer(Object.keys(Counter).length * BigInt64Array.BYTES_PER_ELEMENT)));
    }
  }

  /** Resolves when every listener of every shard is open; rejects with one line that names the one that is not. */
  async start(): Promise<void> {
    for (let shard = 0; shard < this.#options.shards; shard += 1) await this.#spawn(shard);
  }

  setUpstreams(targets: readonly UpstreamTarget[], trusted: readonly TrustedNet[]): void {
    this.#upstreams = { kind: "upstreams", targets, trusted };
    this.#tell(this.#upstreams);
  }

  /** For connections from now on; those that are open keep what they began with. */
  setTls(material: TlsMaterial): void {
    this.#tls = material;
    this.#tell({ kind: "tls", material });
  }

  /** New requests get 503 from now on; resolves when all shards are done with the rest. */
  async drain(seconds: number): Promise<void> {
    this.#ending = true;
    const done = new Promise<void>((resolve) => (this.#onDrained = resolve));
    this.#tell({ kind: "drain", seconds });
    await done;
  }

  async close(): Promise<void> {
    this.#ending = true;
    const alive = this.#workers.filter((worker) => worker !== undefined);
    const ends = alive.map((worker) => new Promise<void>((resolve) => worker.once("exit", () => resolve())));
    this.#tell({ kind: "close" });
    await Promise.all(ends);
  }

  /** The sum over all shards. */
  counter(which: number): bigint {
    return this.#counters.reduce((sum, counters) => sum + counters[which]!, 0n);
  }

  #tell(message: ToShard): void {
    for (const worker of this.#workers) worker?.postMessage(message);
  }

  #spawn(shard: number): Promise<void> {
    const { configs, outbound, policy } = this.#options;
    const config = configs[shard]!;
    const workerData: ShardStart = { config, counters: this.#counters[shard]!.buffer as SharedArrayBuffer, tls: this.#tls, outbound, policy };
    const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData, name: `shard ${shard}` });
    this.#workers[shard] = worker;
    worker.once("exit", () => this.#ended(shard));
    return new Promise((resolve, reject) => {
      worker.on("error", (error) => {
        this.#options.log.error({ shard, err: error }, "a shard ended with an error");
        reject(error);
      });
      worker.on("message", (message: FromShard) => {
        if (message.kind === "ready") {
          worker.postMessage(this.#upstreams);
          resolve();
        } else if (message.kind === "failed") {
          reject(new Error(this.#whyNot(config, message)));
        } else {
          this.#heard(shard, message);
        }
      });
    });
  }

  #whyNot(config: ShardConfig, { errno, listener }: { readonly errno: number; readonly listener: number }): string {
    const place = config.listeners[listener]!;
    return `cannot listen on ${showListener({ ...place, host: place.address })}: ${getSystemErrorName(-errno)}`;
  }

  #heard(shard: number, message: Exclude<FromShard, { kind: "ready" | "failed" }>): void {
    if (message.kind === "notices") this.#options.onNotices(shard, message.notices);
    else if (message.kind === "fault") this.#options.log.error({ shard, fault: message.message }, "the policy failed, messages were dropped");
    else {
      this.#drained.add(shard);
      if (this.#drained.size === this.#options.shards) this.#onDrained();
    }
  }

  #ended(shard: number): void {
    this.#workers[shard] = undefined;
    if (this.#ending) {
      this.#drained.add(shard);
      if (this.#drained.size === this.#options.shards) this.#onDrained();
      return;
    }
    // Its flows are gone, and their tokens with them; clients come back to a new one.
    this.#options.log.error({ shard }, "a shard ended and is started again");
    setTimeout(() => {
      if (!this.#ending) this.#spawn(shard).catch((error: unknown) => this.#options.log.error({ shard, err: error }, "a shard does not start"));
    }, RESTART_MS);
  }
}
