/**
 * Another process takes over from this one, flows and all. Step by step: it starts and loads everything while this one works; flows go ahead;
 * all shards stop, the rest goes over; it reads, and says so. Until then this process keeps everything, and whatever fails, it goes on.
 */
import { closeSync, readdirSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { ControlRefusal } from "../admin/control-refusal.js";
import type { Running, UpgradeCounts, UpgradeReport } from "../admin/running.js";
import { descriptorLimits } from "../base/descriptor-limits.js";
import { messageOf } from "../base/message-of.js";
import type { MovedFlows, MoveSteps } from "../native/binding.js";
import { binding } from "../native/load.js";
import type { Identity } from "../shard/shard-config.js";
import { type Bequest, leave } from "./bequest.js";
import type { EmbeddedStore } from "./embedded-store.js";
import type { Keeper } from "./keeper.js";
import { Successor } from "./successor.js";

/** Loading modules, reading users, asking the DNS. */
const READY_MS = 60_000;
/** With all shards stopped. */
const TAKEN_MS = 3_000;
/** From the end of its sockets to the news of its end. */
const DEATH_MS = 50;
/** Descriptors that both processes need beside the flows. */
const SPARE_DESCRIPTORS = 100;

export interface UpgradeOptions {
  readonly identity: Identity;
  readonly counts: UpgradeCounts;
  /** Whether the process before has let go of everything. */
  readonly isSettled: boolean;
  /** The other process reads; this one holds still. */
  readonly onReplaced: (successor: Successor, report: UpgradeReport) => void;
}

/** What is handed over, as far as it is one process's. */
export interface Replaceable extends Pick<Running, "config" | "pool" | "log" | "listeners" | "state"> {
  readonly cluster: number;
  readonly store: EmbeddedStore | undefined;
  readonly admin: Bequest["admin"];
  readonly tickets: Bequest["tickets"];
  readonly keeper: Keeper | undefined;
}

export class Upgrade {
  readonly #service: Replaceable;
  readonly #options: UpgradeOptions;
  #counts: UpgradeCounts;
  #isSettled: boolean;
  #isStoodFor = false;
  #isRunning = false;
  #successor: Successor | undefined;
  /** To the shards of the successor, for what follows. */
  #channels: number[] = [];
  /** The same while flows go over, and as long as this process can still go on. */
  #ways: readonly number[] = [];

  constructor(service: Replaceable, options: UpgradeOptions) {
    this.#service = service;
    this.#options = options;
    this.#counts = options.counts;
    this.#isSettled = options.isSettled;
  }

  get counts(): UpgradeCounts {
    return this.#counts;
  }

  /** True also once the other process has taken over, until this one must go on. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** The process before has let go of everything. `isStoodFor`: it, or one before it, stays as the parent of all that follow. */
  allow(isStoodFor: boolean): void {
    this.#isSettled = true;
    this.#isStoodFor = isStoodFor;
  }

  get isStoodFor(): boolean {
    return this.#isStoodFor;
  }

  /** This process is told to end: whoever was to replace it ends first. */
  async callOff(): Promise<void> {
    const successor = this.#successor;
    if (!this.#isRunning || successor === undefined) return;
    await successor.kill();
    await this.goOn();
  }

  /** The other process is no more. Resolves with how many connections are lost, because that one knew more about them. */
  async goOn(): Promise<number> {
    const { store, keeper, cluster, pool, log } = this.#service;
    store?.goOn();
    try {
      keeper?.takeFlows(cluster);
    } catch (error) {
      log.error({ reason: messageOf(error) }, "the keeper does not tell what passed meanwhile");
    }
    return pool.resume(this.#ways);
  }

  /** Of each shard; whoever takes them closes them. */
  takeChannels(): readonly number[] {
    this.#ways = [];
    return this.#channels.splice(0);
  }

  /** The other process died after it had taken over. */
  failed(): void {
    this.takeChannels().forEach(closeSync);
    this.#isRunning = false;
    this.#counts = { ...this.#counts, failed: this.#counts.failed + 1 };
  }

  /** Rejects with one line when this process goes on. */
  async run(by: string): Promise<UpgradeReport> {
    const { log } = this.#service;
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#counts = { ...this.#counts, refused: this.#counts.refused + 1 };
      log.warn({ by, reason: refusal }, "upgrade refused");
      throw new ControlRefusal(409, refusal);
    }
    this.#isRunning = true;
    log.info({ by }, "upgrade: starting the process that is to take over");
    try {
      const { successor, report } = await this.#replace();
      log.info(report, "upgrade: another process has taken over");
      this.#options.onReplaced(successor, report);
      return report;
    } catch (error) {
      const reason = messageOf(error);
      this.failed();
      log.error({ reason }, "the upgrade failed: this process goes on as before");
      throw new ControlRefusal(409, `the upgrade failed, the running process goes on as before: ${reason}`);
    }
  }

  /** Why it cannot begin. */
  #refusal(): string | undefined {
    const { state, pool } = this.#service;
    if (this.#isRunning) return "another upgrade is under way";
    if (!this.#isSettled) return "the last upgrade is not over: the process before still ends; try again in a few seconds";
    if (state !== "up") return "this process is draining";
    if (pool.alive < pool.size) return `only ${pool.alive} of ${pool.size} shards run`;
    const { soft: limit } = descriptorLimits();
    const open = readdirSync("/proc/self/fd").length;
    if (open + SPARE_DESCRIPTORS > limit) return `too few file descriptors: ${open} of ${limit} are open, and each of the two processes needs ${SPARE_DESCRIPTORS} more; raise LimitNOFILE (ulimit -n), which takes a restart`;
    return undefined;
  }

  async #replace(): Promise<{ readonly successor: Successor; readonly report: UpgradeReport }> {
    const { pool, store, log } = this.#service;
    const begin = performance.now();
    store?.hold();
    const [ours, theirs] = pairs(pool.size + 1);
    let successor: Successor | undefined;
    let hasBegun = false;
    try {
      successor = this.#successor = new Successor(theirs[0] ?? -1, this.#service.keeper?.channel);
      this.#leave(ours[0] ?? -1, theirs.slice(1));
      // Only the other process must hold these ends, or its death would go unnoticed.
      theirs.splice(0).forEach(closeSync);
      await successor.ready(READY_MS);
      const layout = this.#layoutFor(successor);
      const channels = (this.#ways = ours.slice(1));
      hasBegun = true;
      await this.#sendAhead(channels, layout);
      if (successor.readsInPlace) await this.#draft(channels, layout);
      await this.#handOver(channels, true);
      const moved = (await successor.unlessItEnds(this.#handOver(channels, false))).filter((one) => one !== undefined);
      const { since, steps: theirSteps, cpu: theirCpu } = await successor.taken(TAKEN_MS);
      await successor.tell({ kind: "totals", totals: pool.seats.totals() });
      const now = performance.now();
      const sum = (of: "over" | "kept"): number => moved.reduce((total, one) => total + one[of], 0);
      const from = Math.min(...moved.map(({ stoppedAt }) => stoppedAt));
      const shards = moved.map(({ steps }, shard) => milestones({ ...steps, ...theirSteps?.[shard] }, from));
      const cpu = moved.map((own, shard) => milestones({ ...own.cpu, ...theirCpu?.[shard] }, 0));
      log.debug({ shards, cpu }, "upgrade: milliseconds from when the first shard stopped, and milliseconds of work of each thread by then");
      const report = {
        pid: successor.pid,
        version: successor.version,
        flows: sum("over"),
        kept: sum("kept"),
        stoppedMs: hundredths(since - from),
        seconds: Math.round(now - begin) / 1_000,
      };
      if (successor.takesFollowers) this.#channels = ours.splice(1);
      else this.#ways = [];
      return { successor, report };
    } catch (error) {
      // A channel to a process that has ended breaks: how it ended says more.
      const how = successor === undefined || (await successor.isSteady(DEATH_MS)) ? undefined : await successor.ended;
      await successor?.kill();
      if (hasBegun) await this.goOn();
      else store?.goOn();
      this.#ways = [];
      throw how === undefined ? error : new Error(how);
    } finally {
      for (const end of [...ours, ...theirs]) closeSync(end);
    }
  }

  /** Throws one line if the two of them cannot be neighbours. */
  #layoutFor(successor: Successor): number {
    const { keeper, log } = this.#service;
    if (keeper !== undefined && !successor.knowsKeeper) throw new Error(`version ${successor.version} knows no keeper, which would start the server again beside it: drain this process, then start that one with SLUICE_KEEPER=off`);
    const layout = Math.min(successor.layout, binding.imageVersion);
    if (layout < binding.imageVersion) log.warn({ layout, ours: binding.imageVersion }, "upgrade: the process that is to take over is of an earlier version: it gets what that one can read (docs/operate/upgrade.md)");
    return layout;
  }

  #leave(channel: number, channels: readonly number[]): void {
    leave(channel, { ...this.bequest, lock: this.#service.store?.lock, upgrades: { ...this.#counts, done: this.#counts.done + 1 }, channels });
  }

  /** What any process after this one needs. */
  get bequest(): Bequest {
    const { config, listeners, cluster, admin, tickets } = this.#service;
    const { mode, stateDir, location } = config;
    return { ...this.#options.identity, pid: process.pid, mode, stateDir, location, lock: undefined, isStoodFor: this.#isStoodFor, upgrades: this.#counts, listeners, sockets: binding.clusterSockets(cluster), channels: [], tickets, admin };
  }

  #handOver(channels: readonly number[], isRehearsal: boolean): Promise<readonly (MovedFlows | undefined)[]> {
    const { pool } = this.#service;
    return Promise.all(channels.map((channel, shard) => pool.inquiries.ask(shard, { kind: "hand-over", channel, isRehearsal })));
  }

  async #draft(channels: readonly number[], layout: number): Promise<void> {
    const { pool, cluster, config } = this.#service;
    const errno = binding.sendCommonsAhead(cluster, channels[0] ?? -1, config.mode !== "edge", layout);
    if (errno !== 0) throw new Error(`the state of the process cannot be sent ahead: ${getSystemErrorName(-errno)}`);
    await Promise.all(channels.map((channel, shard) => pool.inquiries.ask(shard, { kind: "draft", channel })));
  }

  async #sendAhead(channels: readonly number[], layout: number): Promise<void> {
    const { pool } = this.#service;
    const all = async (channel: number, shard: number): Promise<void> => {
      while (await pool.inquiries.ask(shard, { kind: "announce", channel, layout })) continue;
    };
    await Promise.all(channels.map(all));
  }
}

function milestones(steps: MoveSteps, from: number): MoveSteps {
  return Object.fromEntries(Object.entries(steps).map(([step, when]) => [step, hundredths(when - from)]));
}

function hundredths(milliseconds: number): number {
  return Math.round(milliseconds * 100) / 100;
}

/** The ends of so many channels: ours, and those of the other process. */
function pairs(count: number): readonly [number[], number[]] {
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let at = 0; at < count; at += 1) {
    const pair = binding.socketPair();
    if (typeof pair === "number") throw new Error(`no channel to the other process: ${getSystemErrorName(-pair)}`);
    ours.push(pair[0]);
    theirs.push(pair[1]);
  }
  return [ours, theirs];
}
