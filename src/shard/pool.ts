/** The shards of the process: starts them, tells them what changed, asks them, and replaces one that died. */
import { Worker } from "node:worker_threads";
import { getSystemErrorName } from "node:util";
import type { Config } from "../config/config.js";
import type { OutboundMode } from "../edge/outbound.js";
import { showListener } from "../config/listener.js";
import type { Log } from "../observe/log.js";
import type { TrustedNet, UpstreamTarget } from "../native/address-port.js";
import type { ShardConfig, ShardKey, ShardLimits, TlsMaterial } from "../native/binding.js";
import type { TapFilter } from "../native/inspect.js";
import { Counter } from "../native/layout.js";
import type { FromShard, ShardStart, ToShard } from "./messages.js";
import type { Answers, Question } from "./questions.js";

const RESTART_MS = 1_000;
const ANSWER_MS = 10_000;

export interface PoolOptions {
  readonly shards: number;
  /** One for each shard. */
  readonly configs: readonly ShardConfig[];
  readonly outbound: OutboundMode;
  readonly policy: string | undefined;
  readonly home: Config | undefined;
  readonly tls: TlsMaterial | undefined;
  readonly log: Log;
  readonly onAlerts: (shard: number, alerts: Extract<FromShard, { kind: "alerts" }>["alerts"]) => void;
  readonly onTapped?: (octets: Uint8Array) => void;
}

interface Asked {
  readonly shard: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class ShardPool {
  readonly #options: PoolOptions;
  readonly #workers: (Worker | undefined)[] = [];
  readonly #counters: BigInt64Array[] = [];
  readonly #drained = new Set<number>();
  /** The newest order of each kind: a shard that is started again hears them all. */
  readonly #standing = new Map<ToShard["kind"], ToShard>();
  readonly #asked = new Map<number, Asked>();
  /** Shards that cannot reach the location store. */
  readonly #storeDown = new Set<number>();
  #lastAsked = 0;
  #ending = false;
  #onDrained: () => void = () => undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    for (let shard = 0; shard < options.shards; shard += 1) {
      this.#counters.push(new BigInt64Array(new SharedArrayBuffer(Object.keys(Counter).length * BigInt64Array.BYTES_PER_ELEMENT)));
    }
    this.setUpstreams([], options.configs[0]?.trusted ?? []);
  }

  get size(): number {
    return this.#options.shards;
  }

  /** Shards that run now. */
  get alive(): number {
    return this.#workers.filter((worker) => worker !== undefined).length;
  }

  get storeIsUp(): boolean {
    return this.#storeDown.size === 0;
  }

  /** Resolves when every listener of every shard is open; rejects with one line that names the one that is not. */
  async start(): Promise<void> {
    for (let shard = 0; shard < this.#options.shards; shard += 1) await this.#spawn(shard);
  }

  setUpstreams(targets: readonly UpstreamTarget[], trusted: readonly TrustedNet[]): void {
    this.#order({ kind: "upstreams", targets, trusted });
  }

  setKeys(keys: readonly ShardKey[]): void {
    this.#order({ kind: "keys", keys });
  }

  /** Limits count for each shard. */
  setRules(limits: ShardLimits, flowTimer: number, outbound: OutboundMode): void {
    this.#order({ kind: "rules", limits, flowTimer, outbound });
  }

  /** For connections from now on; those that are open keep what they began with. */
  setTls(material: TlsMaterial): void {
    this.#order({ kind: "tls", material });
  }

  setBans(addresses: readonly string[]): void {
    this.#order({ kind: "bans", addresses });
  }

  setTap(filters: readonly TapFilter[]): void {
    this.#order({ kind: "tap", filters });
  }

  /** Rejects when the shard is gone or does not answer in time. */
  ask<Kind extends Question["kind"]>(shard: number, question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    const worker = this.#workers[shard];
    if (worker === undefined) return Promise.reject(new Error(`shard ${shard} does not run`));
    this.#lastAsked += 1;
    const id = this.#lastAsked;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#asked.get(id)?.reject(new Error(`shard ${shard} does not answer`)), ANSWER_MS);
      const done = (): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
      };
      this.#asked.set(id, {
        shard,
        resolve: (answer) => {
          done();
          resolve(answer as Answers[Kind]);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      worker.postMessage({ kind: "ask", id, question } satisfies ToShard);
    });
  }

  /** The answers of the shards that run, by their number. */
  async askAll<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<readonly { readonly shard: number; readonly answer: Answers[Kind] }[]> {
    const running = Array.from({ length: this.size }, (_, shard) => shard).filter((shard) => this.#workers[shard] !== undefined);
    return Promise.all(running.map(async (shard) => ({ shard, answer: await this.ask(shard, question) })));
  }

  /**
   * New requests get 503 from now on, and when those that wait are done with connections are closed, `rate` a second (0: at once).
   * Resolves when all shards are through.
   */
  async drain(seconds: number, rate: number): Promise<void> {
    this.#ending = true;
    const done = new Promise<void>((resolve) => (this.#onDrained = resolve));
    this.#tell({ kind: "drain", seconds, rate: Math.ceil(rate / this.size) });
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

  counterOf(shard: number, which: number): bigint {
    return this.#counters[shard]![which]!;
  }

  #order(message: ToShard): void {
    this.#standing.set(message.kind, message);
    this.#tell(message);
  }

  #tell(message: ToShard): void {
    for (const worker of this.#workers) worker?.postMessage(message);
  }

  #spawn(shard: number): Promise<void> {
    const { configs, outbound, policy, home } = this.#options;
    const config = configs[shard]!;
    const workerData: ShardStart = { config, counters: this.#counters[shard]!.buffer as SharedArrayBuffer, tls: this.#options.tls, outbound, policy, home };
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
          for (const order of this.#standing.values()) worker.postMessage(order);
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
    switch (message.kind) {
      case "alerts":
        return this.#options.onAlerts(shard, message.alerts);
      case "fault":
        return this.#options.log.error({ shard, fault: message.message }, "a message could not be handled");
      case "store":
        return this.#storeChanged(shard, message.isUp, message.reason);
      case "answer":
        return this.#asked.get(message.id)?.resolve(message.answer);
      case "no-answer":
        return this.#asked.get(message.id)?.reject(new Error(message.reason));
      case "tapped":
        return this.#options.onTapped?.(message.octets);
      case "drained":
        return this.#isDrained(shard);
    }
  }

  #isDrained(shard: number): void {
    this.#drained.add(shard);
    if (this.#drained.size === this.size) this.#onDrained();
  }

  #storeChanged(shard: number, isUp: boolean, reason: string): void {
    if (isUp) this.#storeDown.delete(shard);
    else this.#storeDown.add(shard);
    if (isUp) this.#options.log.info({ shard }, "the location store answers again");
    else this.#options.log.error({ shard, reason }, "the location store does not answer: REGISTER gets 503");
  }

  #ended(shard: number): void {
    this.#workers[shard] = undefined;
    for (const asked of [...this.#asked.values()]) if (asked.shard === shard) asked.reject(new Error(`shard ${shard} has ended`));
    if (this.#ending) return this.#isDrained(shard);
    // Its flows are gone, and their tokens with them; clients come back to a new one.
    this.#options.log.error({ shard }, "a shard ended; starting it again");
    setTimeout(() => {
      if (!this.#ending) this.#spawn(shard).catch((error: unknown) => this.#options.log.error({ shard, err: error }, "cannot start a shard"));
    }, RESTART_MS);
  }
}
