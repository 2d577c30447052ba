/** Runs the process from configuration to its end, which a signal or the operator brings. */
import { sayDrain } from "../admin/drain-view.js";
import type { UpgradeReport } from "../admin/running.js";
import { descriptorLimits } from "../base/descriptor-limits.js";
import { messageOf } from "../base/message-of.js";
import { version } from "../base/version.js";
import type { Config } from "../config/config.js";
import { Counter } from "../native/layout.js";
import type { ShardConfig } from "../native/shard-settings.js";
import { showShardListener } from "../native/listener-of.js";
import { binding } from "../native/load.js";
import type { Log } from "../observe/log.js";
import { bannerOf } from "./banner.js";
import { type Bequest, checkHeir } from "./bequest.js";
import { Keeper } from "./keeper.js";
import type { Predecessor } from "./predecessor.js";
import { keepPrivate, leaveNone } from "./private-state.js";
import { removeRunning, writeRunning } from "./running-file.js";
import { Service } from "./service.js";
import { type OrderSignal, onSignal } from "./signals.js";
import { nameHeir, standIn } from "./stand-in.js";
import type { Successor } from "./successor.js";
import { ServiceManager } from "./systemd.js";
import { Upgrade } from "./upgrade.js";
import { type Identity, newIdentity, shardConfigs } from "../shard/shard-config.js";

// Descriptors that are not flows: listeners, epoll, rings, log, V8.
const SPARE_DESCRIPTORS = 200;

/** How long a process that was replaced can still go on, should the new one die. */
const HOLD_MS = 2_000;

/** Resolves when the process has been told to end and is done; rejects with one line when it cannot start. */
export async function serve(config: Config, log: Log): Promise<void> {
  const keeper = Keeper.join(true);
  const { before, identity, shards } = takeUp(config, log, keeper);
  const orders = new Orders();
  const isNew = keepPrivate(config.stateDir);
  const service = new Service(config, shards, log, () => orders.end("the operator"), before?.tickets);
  service.keepWith(keeper);
  warnOfDescriptors(config, log);
  const starting = service.start(before).catch((error: unknown) => {
    if (isNew) leaveNone(config.stateDir);
    throw error;
  });
  if ((await Promise.race([starting, orders.told])) !== undefined) {
    // Told to end before it was up; a failing start no longer matters.
    starting.catch(() => undefined);
    return end(service, "it could not start");
  }
  const counts = before?.upgrades ?? { done: 0, failed: 0, refused: 0 };
  const upgrade = new Upgrade(service, { identity, counts, isSettled: true, onReplaced: (...by) => orders.replaced(...by) });
  service.mayBeReplaced(upgrade);
  keeper?.leave(upgrade.bequest, log);
  if (process.stdout.isTTY) process.stdout.write(bannerOf(service));
  log.info({ mode: config.mode, listeners: listenersOf(service), shards: config.shards, pid: process.pid }, "sluice is up");
  await run(service, orders);
}

/** After a crash, who the process before was; who has edited the configuration since then gets a restart instead. */
function takeUp(config: Config, log: Log, keeper: Keeper | undefined): { before?: Bequest; identity: Identity; shards: readonly ShardConfig[] } {
  const before = keeper?.bequest;
  if (keeper !== undefined && before !== undefined) {
    try {
      checkHeir(config, before);
      return { before, identity: before, shards: shardConfigs(config, before, before) };
    } catch (error) {
      log.error({ before: before.pid, reason: messageOf(error) }, "the process before crashed, and the configuration has changed since it started: this one starts anew, and all connections end");
      keeper.forget();
    }
  }
  const identity = newIdentity();
  return { identity, shards: shardConfigs(config, identity, undefined) };
}

/** The same for a process that replaces the one that started it. */
export async function succeed(config: Config, log: Log, predecessor: Predecessor): Promise<void> {
  const { bequest } = predecessor;
  checkHeir(config, bequest);
  const orders = new Orders();
  keepPrivate(config.stateDir);
  const identity: Identity = bequest;
  const keeper = Keeper.join(false);
  const service = new Service(config, shardConfigs(config, identity, bequest), log, () => orders.end("the operator"), bequest.tickets);
  service.keepWith(keeper);
  await service.prepare(bequest);
  predecessor.say({ kind: "ready", version: version(), follows: true, inPlace: true, layout: binding.imageVersion });
  const began = await service.takeOver(bequest);
  predecessor.say({ kind: "taken", since: Math.max(...began.map(({ since }) => since)), steps: began.map(({ steps }) => steps), cpu: began.map(({ cpu }) => cpu) });
  await service.stepIn(bequest, await predecessor.totals);
  const { upgrades: counts, pid: before } = bequest;
  const upgrade = new Upgrade(service, { identity, counts, isSettled: false, onReplaced: (...by) => orders.replaced(...by) });
  service.mayBeReplaced(upgrade);
  keeper?.leave(upgrade.bequest, log);
  log.info({ mode: config.mode, listeners: listenersOf(service), shards: config.shards, pid: process.pid, before }, "sluice took over from another process");
  // A keeper stays, and becomes the parent of this process.
  if (keeper === undefined) predecessor.followStandIn();
  void predecessor.gone.then((isStoodFor) => service.settle(isStoodFor));
  await run(service, orders);
}

/** From the first message to the end, which a signal, the operator or a new process brings. */
async function run(service: Service, orders: Orders): Promise<void> {
  const { log, config } = service;
  const manager = new ServiceManager(() => statusOf(service), () => service.pool.seats.ills.length === 0);
  orders.onReload(() => void service.reload());
  orders.onUpgrade(() => void service.upgrade("SIGUSR2").catch(() => undefined));
  for (;;) {
    manager.ready();
    writeRunning(config.stateDir, service.adminUrl);
    const told = await orders.told;
    if (typeof told === "string") {
      await service.callOffUpgrade();
      const { drainSeconds, drainRate } = service.config;
      log.info({ signal: told, seconds: drainSeconds, rate: drainRate }, "draining: new requests get 503, a second signal ends at once");
      // A drain that may be called off is not yet the end to systemd, whose patience would begin to count.
      if (told.startsWith("SIG")) manager.stopping();
      if (!(await service.drainAll(told))) {
        orders.again();
        continue;
      }
      manager.stopping();
      manager.close();
      return end(service, told);
    }
    const { successor, report } = told;
    service.stepBack();
    if (await successor.isSteady(HOLD_MS)) {
      // Not before: to systemd the death of the main process is the end of the service.
      if (service.keeper === undefined) manager.handOver(successor.pid);
      else manager.close();
      return finish(service, successor, report);
    }
    // A drain, a signal: whoever ended that process meant the service, so nothing begins again here.
    if (successor.hasStopped || orders.isToldToEnd) {
      log.info({ pid: successor.pid, how: await successor.ended }, "the process that took over was told to end: so does this one");
      manager.stopping();
      manager.close();
      await service.bequeath(successor.pid);
      return end(service, "");
    }
    const lost = await service.stepForward();
    log.error({ pid: successor.pid, reason: await successor.ended, lost }, "the process that took over has died: this one goes on");
    orders.again();
  }
}

/** Another process has everything that could move. */
async function finish(service: Service, successor: Successor, { pid, kept }: UpgradeReport): Promise<void> {
  const { log, isStoodFor } = service;
  // Under systemd the main process is the other one now. Elsewhere whoever started this process waits for it, and must not see it end.
  const standsIn = !isStoodFor && !ServiceManager.isPresent && service.keeper === undefined;
  await service.bequeath(pid);
  await successor.leave(standsIn);
  if (kept > 0) {
    log.info({ connections: kept }, "draining the connections that cannot move");
    await service.drainRest();
  }
  await service.close("");
  log.info({ pid, standsIn }, standsIn ? "all is handed over: this process only waits for the other one and passes signals on" : "all is handed over: this process ends");
  if (standsIn) await standIn(pid);
  else if (isStoodFor) await nameHeir(pid);
}

async function end(service: Service, why: string): Promise<void> {
  const { log, config } = service;
  service.keeper?.farewell();
  const ended = await service.close(why);
  removeRunning(config.stateDir);
  log.info("stopped");
  if (ended) return;
  log.error("a shard cannot be ended: the process ends without it");
  binding.exitNow(0);
}

/** Another process took over. */
interface Replacement {
  readonly successor: Successor;
  readonly report: UpgradeReport;
}

/** What signals and the operator ask for: reloads, any number of them, and the end, or a new process instead of this one. */
class Orders {
  /** Who asked for the end, or who took over. */
  told: Promise<string | Replacement>;
  #tell!: (what: string | Replacement) => void;
  #isEnding = false;
  #reload: (() => void) | undefined;
  #wantsReload = false;
  #upgrade: () => void = () => undefined;
  #successor: Successor | undefined;
  #isToldToEnd = false;

  constructor() {
    this.told = this.#next();
    onSignal((signal) => this.#take(signal));
  }

  /** The second time it ends at once, whatever the shards do. */
  end(why: string): void {
    if (this.#isEnding && why.startsWith("SIG")) binding.exitNow(1);
    this.#isEnding = true;
    this.#tell(why);
  }

  replaced(successor: Successor, report: UpgradeReport): void {
    this.#successor = successor;
    this.#tell({ successor, report });
  }

  /** By a signal, since another process took over. */
  get isToldToEnd(): boolean {
    return this.#isToldToEnd;
  }

  /** The process that took over is gone, or the drain was called off. */
  again(): void {
    this.#successor = undefined;
    this.#isToldToEnd = false;
    this.#isEnding = false;
    this.told = this.#next();
  }

  #next(): Promise<string | Replacement> {
    return new Promise((resolve) => (this.#tell = resolve));
  }

  onReload(reload: () => void): void {
    if (this.#isEnding) return;
    this.#reload = reload;
    if (this.#wantsReload) reload();
  }

  /** Before it is up there is nothing to upgrade. */
  onUpgrade(upgrade: () => void): void {
    this.#upgrade = upgrade;
  }

  #take(signal: OrderSignal): void {
    if (this.#successor !== undefined) {
      this.#isToldToEnd ||= signal === "SIGTERM" || signal === "SIGINT";
      // The terminal sends SIGINT to both.
      return signal === "SIGINT" ? undefined : this.#successor.signal(signal);
    }
    if (signal === "SIGUSR2") return this.#upgrade();
    if (signal !== "SIGHUP") return this.end(signal);
    if (this.#reload === undefined) this.#wantsReload = true;
    else if (!this.#isEnding) this.#reload();
  }
}

function statusOf({ pool, targetCount, drainView }: Service): string {
  const flows = pool.seats.counter(Counter.streamFlows) + pool.seats.counter(Counter.udpFlows);
  return [...pool.seats.ills, ...(drainView ? [sayDrain(drainView)] : []), `${flows} flows, ${pool.seats.counter(Counter.requestsIn)} requests, ${targetCount} upstream targets`].join("; ");
}

function listenersOf({ listeners, config }: Service): readonly string[] {
  return listeners.map((listener) => showShardListener(listener, config.shards));
}

/** Node raises the soft limit to the hard one, so this is all there is. */
function warnOfDescriptors({ maxFlows }: Config, log: Log): void {
  const { soft: limit } = descriptorLimits();
  if (maxFlows + SPARE_DESCRIPTORS > limit) {
    log.warn({ limit, maxFlows }, "SLUICE_MAX_FLOWS exceeds the file descriptors that this process may open: raise the limit (ulimit -n, LimitNOFILE) or further connections will fail");
  }
}
