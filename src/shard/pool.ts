/** The shards of the process: starts, drains and ends them, and replaces one that died or hangs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Login } from "../auth/authenticator.js";
import { within } from "../base/within.js";
import type { Config } from "../config/config.js";
import type { OutboundMode } from "../edge/outbound.js";
import type { Log } from "../observe/log.js";
import type { Logins } from "../native/binding.js";
import type { ShardConfig, TlsMaterial } from "../native/shard-settings.js";
import { Counter } from "../native/layout.js";
import { binding } from "../native/load.js";
import { DrainWatch, type DrainState } from "./drain-watch.js";
import { BEAT_MS } from "./heartbeat.js";
import { Inquiries } from "./inquiries.js";
import type { Began, FromShard } from "./messages.js";
import { Orders } from "./orders.js";
import { Seats } from "./seats.js";
import { ShardThread, type ThreadEvents } from "./shard-thread.js";

const HANDSHAKE_LOOK_MS = 20;
/** How long threads have to end. */
const PATIENCE_MS = 5_000;

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
  readonly onLogin: (login: Login) => void;
  readonly onNews: (news: Extract<FromShard, { kind: "news" }>) => void;
  /** A shard has ended by itself. */
  readonly onLost: (shard: number) => void;
  readonly onTapped?: (octets: Uint8Array, shard: number) => void;
}

export class ShardPool {
  readonly seats: Seats;
  readonly orders: Orders;
  readonly inquiries: Inquiries;
  readonly #options: PoolOptions;
  #watch: NodeJS.Timeout | undefined;
  #logins: Logins | undefined;
  #ending = false;
  #drain: DrainWatch | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.seats = new Seats(options.shards);
    this.inquiries = new Inquiries(this.seats);
    this.orders = new Orders(this.seats, this.#cluster, options.log);
    this.orders.setUpstreams([], options.configs[0]?.trusted ?? []);
  }

  get size(): number {
    return this.seats.size;
  }

  /** Shards that are reading. */
  get alive(): number {
    return this.seats.running.length;
  }

  /** How often a shard was restarted. */
  get restarts(): number {
    return this.seats.all.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  get storeIsUp(): boolean {
    return !this.seats.all.some(({ isStoreDown }) => isStoreDown);
  }

  /** Resolves when all shards are loaded; they begin together, with `go`. Rejects with one line. */
  async load(): Promise<void> {
    const { tls } = this.#options;
    const fault = tls && this.orders.readTls(tls);
    if (fault !== undefined) throw new Error(`TLS: ${fault}`);
    const threads = this.seats.all.map((_, shard) => this.#spawn(shard));
    await Promise.all(threads.map(({ ready }) => ready));
  }

  /** Resolves when all shards read; with `channels`, one for each, when all have taken over what came there. `revives`: they go on with what a process that crashed has left. */
  async go(channels: readonly number[] = [], revives = false): Promise<readonly Began[]> {
    const { threads } = this.seats;
    threads.forEach((thread, shard) => this.#go(thread, channels[shard], revives));
    const began = await Promise.all(threads.map(({ up }) => up));
    for (const seat of this.seats.all) seat.isUp();
    this.#watch = setInterval(() => this.#look(), BEAT_MS);
    return began;
  }

  /** No other process has taken over, or it has died: reads on. `channels`: over which flows went to that one. Resolves with how many connections are lost. */
  async resume(channels: readonly number[]): Promise<number> {
    const lost = await Promise.all(this.seats.running.map((shard) => this.inquiries.ask(shard, { kind: "resume", channel: channels[shard] ?? -1 })));
    return lost.reduce((sum, one) => sum + one, 0);
  }

  /** Another process has taken over; `channels`: one for each shard if connections may follow over them. */
  async release(channels: readonly number[]): Promise<void> {
    await Promise.all(this.seats.running.map((shard) => this.inquiries.ask(shard, { kind: "release", channel: channels[shard] ?? -1 })));
  }

  /** Resolves when no handshake is under way, or the time is up. */
  async handshakesOver(seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1_000;
    while (this.seats.counter(Counter.handshakes) > 0n && performance.now() < until) await sleep(HANDSHAKE_LOOK_MS);
  }

  /**
   * New requests get 503 from now on; when the pending ones are done, connections are closed, `rate` per second (0: at once).
   * Resolves with true when all shards are done, or when the time is up, and with false when it was called off. Connections are refused, unless
   * another process accepts them.
   */
  async drain(seconds: number, rate: number, refuses = true): Promise<boolean> {
    this.#ending = true;
    // For all shards, including those that are down: connections waiting for them would never be accepted.
    if (refuses) binding.stopAccepting(this.#cluster);
    const drain = new DrainWatch(seconds, rate, () => Number(this.seats.counter(Counter.streamFlows)));
    this.#drain = drain;
    this.seats.all.forEach(({ thread }, shard) => thread?.state !== "up" && this.#isDrained(shard));
    const connections = this.seats.all.map((seat) => Math.max(1, Number(seat.counter(Counter.streamFlows))));
    const all = connections.reduce((sum, one) => sum + one, 0);
    // By what each has, so that all are done at the same time.
    this.seats.tell({ kind: "drain", seconds, rates: connections.map((one) => (rate * one) / all) });
    const isDone = await drain.done;
    if (this.#drain === drain) this.#drain = undefined;
    return isDone;
  }

  pauseDrain(isPaused: boolean): void {
    if (this.#drain !== undefined) this.#drain.isPaused = isPaused;
    this.seats.tell({ kind: "pause", isPaused });
  }

  /** Calls the drain off: requests and connections are taken again. */
  stay(): void {
    this.#ending = false;
    binding.startAccepting(this.#cluster);
    this.seats.tell({ kind: "stay" });
    this.seats.all.forEach((seat, shard) => {
      seat.isDrained = false;
      if (seat.thread === undefined) void this.#restart(shard);
    });
    this.#drain?.end(false);
    this.#drain = undefined;
  }

  /** Undefined: it is not draining. */
  get draining(): DrainState | undefined {
    return this.#drain?.state;
  }

  /** False: a thread cannot be ended; it is stuck in a system call. */
  async close(): Promise<boolean> {
    this.#ending = true;
    clearInterval(this.#watch);
    const { threads } = this.seats;
    const ends = Promise.all(threads.map(({ ended }) => ended));
    this.seats.tell({ kind: "close" });
    let hasEnded = await within(ends, PATIENCE_MS);
    if (!hasEnded) {
      for (const thread of threads) thread.terminate();
      hasEnded = await within(ends, PATIENCE_MS);
    }
    // Who embeds us goes on, without our ports and tables.
    if (hasEnded) binding.closeCluster(this.#cluster);
    return hasEnded;
  }

  /** Who registered over which flow, for all shards. */
  flowOwners(): ReturnType<typeof binding.flowOwners> {
    return binding.flowOwners(this.#cluster);
  }

  /** Those of digest authentication, for all shards. */
  nonces(): { readonly held: number; readonly evicted: number } {
    this.#logins ??= new binding.Logins(this.#cluster);
    return this.#logins.counts();
  }

  get #cluster(): number {
    return this.#options.configs[0]?.cluster ?? -1;
  }

  #spawn(shard: number): ShardThread {
    const { configs, outbound, policy, home, log } = this.#options;
    const seat = this.seats.of(shard);
    const events: ThreadEvents = {
      onMessage: (message) => this.#heard(shard, message),
      onOutput: (text) => log.info({ shard, text: text.trimEnd() }, "a shard printed"),
      onError: (error) => log.error({ shard, err: error }, "a shard ended with an error"),
      onEnd: () => this.#ended(shard, thread),
    };
    const thread = new ShardThread({ config: configs[shard]!, counters: seat.counters, outbound, policy, home }, events);
    seat.thread = thread;
    return thread;
  }

  /** What was ordered meanwhile is in force before it reads the first message. */
  #go(thread: ShardThread, channel?: number, revives = false): void {
    this.orders.repeatTo(thread);
    thread.tell({ kind: "go", channel, revives });
  }

  #look(): void {
    this.seats.all.forEach((seat, shard) => {
      const pulse = seat.look();
      if (pulse === "silent") this.inquiries.giveUp(shard, "does not answer");
      if (pulse !== "hung") return;
      this.#options.log.error({ shard }, "a shard hangs; ending it and starting it again");
      seat.thread?.terminate();
    });
  }

  #heard(shard: number, message: Parameters<ThreadEvents["onMessage"]>[0]): void {
    switch (message.kind) {
      case "alerts":
        return this.#options.onAlerts(shard, message.alerts);
      case "news":
        return this.#options.onNews(message);
      case "login":
        return this.#options.onLogin(message.login);
      case "fault":
        return this.#options.log.error({ shard, fault: message.message }, "a message could not be handled");
      case "store":
        return this.#storeChanged(shard, message.isUp, message.reason);
      case "answer":
        return this.inquiries.answered(message.id, message.answer);
      case "no-answer":
        return this.inquiries.refused(message.id, message.reason);
      case "tapped":
        return this.#options.onTapped?.(message.octets, shard);
      case "drained":
        return this.#isDrained(shard);
    }
  }

  #isDrained(shard: number): void {
    this.seats.of(shard).isDrained = true;
    if (this.seats.areDrained) this.#drain?.end(true);
  }

  #storeChanged(shard: number, isUp: boolean, reason: string): void {
    this.seats.of(shard).isStoreDown = !isUp;
    if (isUp) this.#options.log.info({ shard }, "the location store answers again");
    else this.#options.log.error({ shard, reason }, "the location store does not answer: REGISTER gets 503");
  }

  #ended(shard: number, thread: ShardThread): void {
    const seat = this.seats.of(shard);
    if (seat.thread !== thread) return;
    seat.thread = undefined;
    seat.isStoreDown = false;
    this.inquiries.giveUp(shard, "has ended");
    if (this.#ending) return this.#isDrained(shard);
    // The caller that awaits the first start handles its failure.
    if (this.#watch === undefined) return;
    const delayMs = seat.nextDelay();
    // Its flows are gone, and their tokens with them; clients will reconnect.
    this.#options.log.error({ shard, delayMs }, "a shard ended; starting it again");
    this.#options.onLost(shard);
    setTimeout(() => void this.#restart(shard), delayMs);
  }

  async #restart(shard: number): Promise<void> {
    if (this.#ending) return;
    const seat = this.seats.of(shard);
    seat.beginAnew();
    const thread = this.#spawn(shard);
    try {
      await thread.ready;
      if (this.#ending) return thread.terminate();
      this.#go(thread);
      await thread.up;
      seat.isUp();
      this.#options.log.info({ shard }, "a shard is up again");
    } catch (error) {
      this.#options.log.error({ shard, err: error }, "cannot start a shard");
    }
  }
}
