/** The shards of the process: starts them, distributes changes, queries them, and replaces one that died or hangs. */
import type { Login } from "../auth/authenticator.js";
import { within } from "../base/within.js";
import type { Config } from "../config/config.js";
import type { OutboundMode } from "../edge/outbound.js";
import type { Log } from "../observe/log.js";
import type { TrustedNet, UpstreamTarget } from "../native/address-port.js";
import type { Logins, ShardConfig, ShardKey, ShardLimits, ShardNames, TlsMaterial } from "../native/binding.js";
import type { TapFilter } from "../native/inspect.js";
import { Counter } from "../native/layout.js";
import { binding } from "../native/load.js";
import { BEAT_MS } from "./heartbeat.js";
import type { FromShard, ToShard } from "./messages.js";
import type { Answers, Question } from "./questions.js";
import { setNonceKeys } from "./shard-config.js";
import { ShardThread, type ThreadEvents } from "./shard-thread.js";

// The first death may be an accident; a shard that dies repeatedly must not take the processor from the others.
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 10_000;
const STEADY_MS = 60_000;
const ANSWER_MS = 10_000;
/** In how many checks a shard may be down before the process counts as unhealthy: ten seconds' worth. */
const MAX_AWAY = 40;
const WATCH_MS = 250;
/** Extra time for a drain, and for a thread to end. */
const PATIENCE_MS = 5_000;

/** Counters of a current amount, which ends with the shard; the others count events. */
export const GAUGES: readonly number[] = [
  Counter.streamFlows,
  Counter.udpFlows,
  Counter.handshakes,
  Counter.pending,
  Counter.bufferBytes,
  Counter.requestsHeld,
  Counter.requestOctetsHeld,
  Counter.answersHeld,
  Counter.answerOctetsHeld,
  Counter.registersWaiting,
  Counter.registerWindow,
  Counter.registerRate,
  Counter.endedPhones,
  Counter.endedStrangers,
  Counter.endedMoved,
  Counter.refusedSources,
  Counter.answersWaiting,
  Counter.copiesHeld,
  Counter.copyOctetsHeld,
];

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

interface Asked {
  readonly shard: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** One seat of the pool: its current thread, and what is kept from one thread to the next. */
interface Seat {
  readonly counters: BigInt64Array;
  /** What a process had counted that this one took over from. */
  readonly before: BigInt64Array;
  thread: ShardThread | undefined;
  /** Milliseconds until the next start. */
  delay: number;
  /** Checks since it was last found alive; Heartbeat explains why not seconds. */
  away: number;
  /** On the clock of performance.now(). */
  upAt: number;
  restarts: number;
}

export class ShardPool {
  readonly #options: PoolOptions;
  readonly #seats: readonly Seat[];
  readonly #drained = new Set<number>();
  /** The latest order of each kind: a restarted shard gets them all. */
  readonly #standing = new Map<ToShard["kind"], ToShard>();
  readonly #asked = new Map<number, Asked>();
  /** Shards that cannot reach the location store. */
  readonly #storeDown = new Set<number>();
  #watch: NodeJS.Timeout | undefined;
  #logins: Logins | undefined;
  #lastAsked = 0;
  #ending = false;
  #onDrained: (isDone: boolean) => void = () => undefined;
  /** `passed`: milliseconds, without pauses; `flows`: at the beginning. */
  #drain: { readonly seconds: number; readonly rate: number; passed: number; isPaused: boolean; flows?: number } | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#seats = Array.from({ length: options.shards }, () => ({
      counters: new BigInt64Array(new SharedArrayBuffer(Object.keys(Counter).length * BigInt64Array.BYTES_PER_ELEMENT)),
      before: new BigInt64Array(Object.keys(Counter).length),
      thread: undefined,
      delay: FIRST_RESTART_MS,
      away: 0,
      upAt: 0,
      restarts: 0,
    }));
    this.setUpstreams([], options.configs[0]?.trusted ?? []);
  }

  get size(): number {
    return this.#seats.length;
  }

  /** Shards that are reading. */
  get alive(): number {
    return this.#seats.filter(isAlive).length;
  }

  /** How often a shard was restarted. */
  get restarts(): number {
    return this.#seats.reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** The state of shards that have been down for so long that only a new process can help. */
  get ills(): readonly string[] {
    return this.#seats.flatMap((seat, shard) => (seat.away < MAX_AWAY || this.#drained.has(shard) ? [] : [`shard ${shard} ${whatAils(seat)}`]));
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

  /** Resolves when all shards read; with `channels`, one for each, when all have taken over what came there, with when the last one began to read. */
  async go(channels: readonly number[] = []): Promise<number> {
    const threads = this.#seats.flatMap(({ thread }) => thread ?? []);
    threads.forEach((thread, shard) => this.#go(thread, channels[shard]));
    const since = await Promise.all(threads.map(({ up }) => up));
    for (const seat of this.#seats) seat.upAt = performance.now();
    this.#watch = setInterval(() => this.#look(), BEAT_MS);
    return Math.max(...since);
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

  /** Rejects when the shard is gone or does not answer in time. */
  ask<Kind extends Question["kind"]>(shard: number, question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    const seat = this.#seats[shard];
    if (seat?.thread === undefined || !isAlive(seat)) return Promise.reject(new Error(`shard ${shard} does not run`));
    this.#lastAsked += 1;
    const id = this.#lastAsked;
    const { thread } = seat;
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
      thread.tell({ kind: "ask", id, question });
    });
  }

  /** Asks the first running shard, for facts that all of them know. */
  askAny<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    return this.ask(Math.max(this.#seats.findIndex(isAlive), 0), question);
  }

  /** Resolves when the running shards have carried out every order so far. One that dies meanwhile gets its orders at its next start. */
  async carriedOut(): Promise<void> {
    const running = this.#seats.flatMap((seat, shard) => (isAlive(seat) ? [shard] : []));
    await Promise.allSettled(running.map((shard) => this.ask(shard, { kind: "orders" })));
  }

  /** The answers of the running shards, by their number. */
  async askAll<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<readonly { readonly shard: number; readonly answer: Answers[Kind] }[]> {
    const running = this.#seats.flatMap((seat, shard) => (isAlive(seat) ? [shard] : []));
    return Promise.all(running.map(async (shard) => ({ shard, answer: await this.ask(shard, question) })));
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
    const done = new Promise<boolean>((resolve) => (this.#onDrained = resolve));
    this.#drain = { seconds, rate, passed: 0, isPaused: false };
    const watch = setInterval(() => this.#watchDrain(), WATCH_MS);
    this.#seats.forEach((seat, shard) => seat.thread?.state !== "up" && this.#isDrained(shard));
    this.#tell({ kind: "drain", seconds, rate: Math.ceil(rate / this.size) });
    try {
      return await done;
    } finally {
      clearInterval(watch);
      this.#drain = undefined;
    }
  }

  pauseDrain(isPaused: boolean): void {
    if (this.#drain !== undefined) this.#drain.isPaused = isPaused;
    this.#tell({ kind: "pause", isPaused });
  }

  /** Calls the drain off: requests and connections are taken again. */
  stay(): void {
    this.#ending = false;
    this.#drain = undefined;
    this.#drained.clear();
    binding.startAccepting(this.#cluster);
    this.#tell({ kind: "stay" });
    this.#seats.forEach((seat, shard) => seat.thread === undefined && void this.#restart(shard));
    this.#onDrained(false);
  }

  /** Undefined: it is not draining. `seconds`: until it is done at the latest; it counts down only while it is not paused. */
  get draining(): { readonly isPaused: boolean; readonly connections: number; readonly seconds: number } | undefined {
    if (this.#drain === undefined) return undefined;
    const { seconds, rate, passed, isPaused } = this.#drain;
    const connections = Number(this.counter(Counter.streamFlows));
    return { isPaused, connections, seconds: Math.ceil(Math.max(0, seconds - passed / 1_000) + (rate === 0 ? 0 : connections / rate)) };
  }

  /** A shard that hangs must not hold up the end. */
  #watchDrain(): void {
    if (this.#drain === undefined || this.#drain.isPaused) return;
    this.#drain.passed += WATCH_MS;
    const { seconds, rate, passed } = this.#drain;
    this.#drain.flows ??= Number(this.counter(Counter.streamFlows));
    if (passed > (seconds + (rate === 0 ? 0 : this.#drain.flows / rate)) * 1_000 + PATIENCE_MS) this.#onDrained(true);
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
    const { counters, before } = this.#seats[shard]!;
    return counters[which]! + before[which]!;
  }

  /** What each shard has counted, for the process that takes over. The names are the same in every version, the numbers need not be. */
  totals(): CounterTotals {
    return Object.fromEntries(Object.entries(Counter).flatMap(([name, which]) => (GAUGES.includes(which) ? [] : [[name, this.#seats.map((_, shard) => String(this.counterOf(shard, which)))]])));
  }

  /** Counts on from what the process before had counted. */
  countFrom(totals: CounterTotals): void {
    const known = Object.entries(Counter).filter(([, which]) => !GAUGES.includes(which));
    for (const [name, which] of known) this.#seats.forEach(({ before }, shard) => (before[which] = BigInt(totals[name]?.[shard] ?? 0)));
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
    const thread = new ShardThread({ config: configs[shard]!, counters: seat.counters.buffer as SharedArrayBuffer, outbound, policy, home }, events);
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
      const { thread } = seat;
      const before = thread?.pulse;
      const pulse = thread?.look();
      seat.away = isAlive(seat) ? 0 : seat.away + 1;
      if (pulse === "silent" && before === "beats") this.#giveUp(shard, "does not answer");
      if (thread === undefined || pulse !== "hung" || before === "hung") return;
      this.#options.log.error({ shard }, "a shard hangs; ending it and starting it again");
      thread.terminate();
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
        return this.#asked.get(message.id)?.resolve(message.answer);
      case "no-answer":
        return this.#asked.get(message.id)?.reject(new Error(message.reason));
      case "tapped":
        return this.#options.onTapped?.(message.octets, shard);
      case "drained":
        return this.#isDrained(shard);
    }
  }

  #isDrained(shard: number): void {
    this.#drained.add(shard);
    if (this.#drained.size === this.size) this.#onDrained(true);
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
    this.#giveUp(shard, "has ended");
    if (this.#ending) return this.#isDrained(shard);
    // The caller that awaits the first start handles its failure.
    if (this.#watch === undefined) return;
    if (performance.now() - seat.upAt > STEADY_MS) seat.delay = FIRST_RESTART_MS;
    // Its flows are gone, and their tokens with them; clients will reconnect.
    this.#options.log.error({ shard, delayMs: seat.delay }, "a shard ended; starting it again");
    this.#options.onLost(shard);
    setTimeout(() => void this.#restart(shard), seat.delay);
    seat.delay = Math.min(seat.delay * 4, MAX_RESTART_MS);
  }

  /** Rejects what waits for answers that the shard will not give. */
  #giveUp(shard: number, why: string): void {
    for (const asked of [...this.#asked.values()]) if (asked.shard === shard) asked.reject(new Error(`shard ${shard} ${why}`));
  }

  async #restart(shard: number): Promise<void> {
    if (this.#ending) return;
    const seat = this.#seats[shard]!;
    seat.restarts += 1;
    for (const gauge of GAUGES) seat.counters[gauge] = 0n;
    const thread = this.#spawn(shard);
    try {
      await thread.ready;
      if (this.#ending) return thread.terminate();
      this.#go(thread);
      await thread.up;
      seat.upAt = performance.now();
      this.#options.log.info({ shard }, "a shard is up again");
    } catch (error) {
      this.#options.log.error({ shard, err: error }, "cannot start a shard");
    }
  }
}

function isAlive({ thread }: Seat): boolean {
  return thread?.state === "up" && thread.pulse === "beats";
}

function whatAils({ thread }: Seat): string {
  if (thread === undefined) return "does not start";
  return thread.state === "up" ? "hangs" : "does not come up";
}
