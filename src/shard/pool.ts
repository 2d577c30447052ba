/** The shards of the process: starts them, distributes changes, queries them, and replaces one that died or hangs. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Login } from "../auth/authenticator.js";
import { within } from "../base/within.js";
import type { Config } from "../config/config.js";
import type { OutboundMode } from "../edge/outbound.js";
import type { Log } from "../observe/log.js";
import type { TrustedNet, UpstreamTarget } from "../native/address-port.js";
import type { Logins } from "../native/binding.js";
import type { ShardConfig, ShardKey, ShardLimits, ShardNames, TlsMaterial } from "../native/shard-settings.js";
import type { TapFilter } from "../native/inspect.js";
import { Counter } from "../native/layout.js";
import { binding } from "../native/load.js";
import { DrainWatch, type DrainState } from "./drain-watch.js";
import { BEAT_MS } from "./heartbeat.js";
import { Inquiries } from "./inquiries.js";
import type { Began, FromShard, ToShard } from "./messages.js";
import type { Answers, Question } from "./questions.js";
import { GAUGES, Seat } from "./seat.js";
import { setNonceKeys } from "./shard-config.js";
import { ShardThread, type ThreadEvents } from "./shard-thread.js";

const HANDSHAKE_LOOK_MS = 20;
/** How long threads have to end. */
const PATIENCE_MS = 5_000;

/** By the name of a counter, of each shard, in decimal. */
export type CounterTotals = Readonly<Record<string, readonly string[]>>;

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
  readonly #options: PoolOptions;
  readonly #seats: readonly Seat[];
  readonly #drained = new Set<number>();
  /** The latest order of each kind: a restarted shard gets them all. */
  readonly #standing = new Map<ToShard["kind"], ToShard>();
  readonly #inquiries = new Inquiries();
  /** Shards that cannot reach the location store. */
  readonly #storeDown = new Set<number>();
  #watch: NodeJS.Timeout | undefined;
  #logins: Logins | undefined;
  #ending = false;
  #drain: DrainWatch | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#seats = Array.from({ length: options.shards }, () => new Seat());
    this.setUpstreams([], options.configs[0]?.trusted ?? []);
  }

  get size(): number {
    return this.#seats.length;
  }

  /** Shards that are reading. */
  get alive(): number {
    return this.#seats.filter(({ isAlive }) => isAlive).length;
  }

  /** How often a shard was restarted. */
  get restarts(): number {
    return this.#seats.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** The state of shards that have been down for so long that only a new process can help. */
  get ills(): readonly string[] {
    return this.#seats.flatMap(({ ail }, shard) => (ail === undefined || this.#drained.has(shard) ? [] : [`shard ${shard} ${ail}`]));
  }

  get storeIsUp(): boolean {
    return this.#storeDown.size === 0;
  }

  /** Resolves when all shards are loaded; they begin together, with `go`. Rejects with one line. */
  async load(): Promise<void> {
    const { tls } = this.#options;
    const fault = tls && this.#readTls(tls);
    if (fault !== undefined) throw new Error(`TLS: ${fault}`);
    const threads = this.#seats.map((_, shard) => this.#spawn(shard));
    await Promise.all(threads.map(({ ready }) => ready));
  }

  /** Resolves when all shards read; with `channels`, one for each, when all have taken over what came there. */
  async go(channels: readonly number[] = []): Promise<readonly Began[]> {
    const threads = this.#seats.flatMap(({ thread }) => thread ?? []);
    threads.forEach((thread, shard) => this.#go(thread, channels[shard]));
    const began = await Promise.all(threads.map(({ up }) => up));
    for (const seat of this.#seats) seat.isUp();
    this.#watch = setInterval(() => this.#look(), BEAT_MS);
    return began;
  }

  setUpstreams(targets: readonly UpstreamTarget[], trusted: readonly TrustedNet[]): void {
    this.#order({ kind: "upstreams", targets, trusted });
  }

  setKeys(keys: readonly ShardKey[]): void {
    setNonceKeys(this.#cluster, keys);
    this.#order({ kind: "keys", keys });
  }

  /** Limits apply per shard. */
  setRules(limits: ShardLimits, flowTimer: number, outbound: OutboundMode): void {
    this.#order({ kind: "rules", limits, flowTimer, outbound });
  }

  /** For new connections; open ones keep what they began with. */
  setTls(material: TlsMaterial): void {
    const fault = this.#readTls(material);
    if (fault === undefined) this.#tell({ kind: "tls" });
    else this.#options.log.error({ fault }, "new certificates rejected, keeping the previous ones");
  }

  setBans(nets: readonly TrustedNet[]): void {
    this.#order({ kind: "bans", nets });
  }

  setNames(names: ShardNames): void {
    this.#order({ kind: "names", names });
  }

  /** New settings for the registrar or standalone server. */
  setHome(settings: Config): void {
    this.#order({ kind: "home", settings });
  }

  setTap(filters: readonly TapFilter[]): void {
    this.#order({ kind: "tap", filters });
  }

  /** Another process has taken over; `channels`: one for each shard if connections may follow over them. */
  async release(channels: readonly number[]): Promise<void> {
    await Promise.all(this.#running.map((shard) => this.ask(shard, { kind: "release", channel: channels[shard] ?? -1 })));
  }

  /** Resolves when no handshake is under way, or the time is up. */
  async handshakesOver(seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1_000;
    while (this.counter(Counter.handshakes) > 0n && performance.now() < until) await sleep(HANDSHAKE_LOOK_MS);
  }

  /** Rejects when the shard is gone or does not answer in time. */
  ask<Kind extends Question["kind"]>(shard: number, question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    const seat = this.#seats[shard];
    if (seat?.thread === undefined || !seat.isAlive) return Promise.reject(new Error(`shard ${shard} does not run`));
    return this.#inquiries.ask(shard, seat.thread, question);
  }

  /** Asks the first running shard, for facts that all of them know. */
  askAny<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    return this.ask(this.#running[0] ?? 0, question);
  }

  /** Resolves when the running shards have carried out every order so far. One that dies meanwhile gets its orders at its next start. */
  async carriedOut(): Promise<void> {
    await Promise.allSettled(this.#running.map((shard) => this.ask(shard, { kind: "orders" })));
  }

  /** The answers of the running shards, by their number. */
  async askAll<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<readonly { readonly shard: number; readonly answer: Answers[Kind] }[]> {
    return Promise.all(this.#running.map(async (shard) => ({ shard, answer: await this.ask(shard, question) })));
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
    const drain = new DrainWatch(seconds, rate, () => Number(this.counter(Counter.streamFlows)));
    this.#drain = drain;
    this.#seats.forEach(({ thread }, shard) => thread?.state !== "up" && this.#isDrained(shard));
    this.#tell({ kind: "drain", seconds, rate: Math.ceil(rate / this.size) });
    const isDone = await drain.done;
    if (this.#drain === drain) this.#drain = undefined;
    return isDone;
  }

  pauseDrain(isPaused: boolean): void {
    if (this.#drain !== undefined) this.#drain.isPaused = isPaused;
    this.#tell({ kind: "pause", isPaused });
  }

  /** Calls the drain off: requests and connections are taken again. */
  stay(): void {
    this.#ending = false;
    this.#drained.clear();
    binding.startAccepting(this.#cluster);
    this.#tell({ kind: "stay" });
    this.#seats.forEach((seat, shard) => seat.thread === undefined && void this.#restart(shard));
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
    const threads = this.#seats.flatMap(({ thread }) => thread ?? []);
    const ends = Promise.all(threads.map(({ ended }) => ended));
    this.#tell({ kind: "close" });
    let hasEnded = await within(ends, PATIENCE_MS);
    if (!hasEnded) {
      for (const thread of threads) thread.terminate();
      hasEnded = await within(ends, PATIENCE_MS);
    }
    // Who embeds us goes on, without our ports and tables.
    if (hasEnded) binding.closeCluster(this.#cluster);
    return hasEnded;
  }

  /** The sum over all shards. */
  counter(which: number): bigint {
    return this.#seats.reduce((sum, _, shard) => sum + this.counterOf(shard, which), 0n);
  }

  counterOf(shard: number, which: number): bigint {
    return this.#seats[shard]!.counter(which);
  }

  /** What each shard has counted, for the process that takes over. The names are the same in every version, the numbers need not be. */
  totals(): CounterTotals {
    return Object.fromEntries(Object.entries(Counter).flatMap(([name, which]) => (GAUGES.includes(which) ? [] : [[name, this.#seats.map((_, shard) => String(this.counterOf(shard, which)))]])));
  }

  /** Counts on from what the process before had counted. */
  countFrom(totals: CounterTotals): void {
    const known = Object.entries(Counter).filter(([, which]) => !GAUGES.includes(which));
    for (const [name, which] of known) this.#seats.forEach((seat, shard) => seat.countFrom(which, BigInt(totals[name]?.[shard] ?? 0)));
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

  get #running(): readonly number[] {
    return this.#seats.flatMap(({ isAlive }, shard) => (isAlive ? [shard] : []));
  }

  get #cluster(): number {
    return this.#options.configs[0]?.cluster ?? -1;
  }

  /** Here and not in the shards: a hundred authorities take longer than a turn may last. */
  #readTls(material: TlsMaterial): string | undefined {
    return binding.setTls(this.#cluster, material);
  }

  #order(message: ToShard): void {
    this.#standing.set(message.kind, message);
    this.#tell(message);
  }

  #tell(message: ToShard): void {
    // A shard that is still loading gets the standing orders when it is ready.
    for (const { thread } of this.#seats) if (thread?.state !== "loading" || message.kind === "close") thread?.tell(message);
  }

  #spawn(shard: number): ShardThread {
    const { configs, outbound, policy, home, log } = this.#options;
    const seat = this.#seats[shard]!;
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
  #go(thread: ShardThread, channel?: number): void {
    for (const order of this.#standing.values()) thread.tell(order);
    thread.tell({ kind: "go", channel });
  }

  #look(): void {
    this.#seats.forEach((seat, shard) => {
      const pulse = seat.look();
      if (pulse === "silent") this.#inquiries.giveUp(shard, "does not answer");
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
        return this.#inquiries.answered(message.id, message.answer);
      case "no-answer":
        return this.#inquiries.refused(message.id, message.reason);
      case "tapped":
        return this.#options.onTapped?.(message.octets, shard);
      case "drained":
        return this.#isDrained(shard);
    }
  }

  #isDrained(shard: number): void {
    this.#drained.add(shard);
    if (this.#drained.size === this.size) this.#drain?.end(true);
  }

  #storeChanged(shard: number, isUp: boolean, reason: string): void {
    if (isUp) this.#storeDown.delete(shard);
    else this.#storeDown.add(shard);
    if (isUp) this.#options.log.info({ shard }, "the location store answers again");
    else this.#options.log.error({ shard, reason }, "the location store does not answer: REGISTER gets 503");
  }

  #ended(shard: number, thread: ShardThread): void {
    const seat = this.#seats[shard]!;
    if (seat.thread !== thread) return;
    seat.thread = undefined;
    this.#storeDown.delete(shard);
    this.#inquiries.giveUp(shard, "has ended");
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
    const seat = this.#seats[shard]!;
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
