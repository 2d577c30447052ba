/** The running process: its shards, upstream, traces and admin plane, and what may be changed in it while it runs. */
import { closeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { bindingsOf } from "../admin/bindings.js";
import { ControlRefusal } from "../admin/control-refusal.js";
import type { BindingsView, ReloadReport, Running, UpgradeCounts, UpgradeReport } from "../admin/running.js";
import type { AdminServer } from "../admin/server.js";
import { Tracer } from "../admin/tracer.js";
import type { Config } from "../config/config.js";
import { readEnvironment } from "../config/environment.js";
import type { Environment } from "../config/read.js";
import type { FlowKey } from "../config/flow-key.js";
import { showHostPort } from "../config/host-port.js";
import { binding } from "../native/load.js";
import type { ShardConfig, ShardListener } from "../native/shard-settings.js";
import { type Capture, createCapture } from "../observe/capture.js";
import type { Log } from "../observe/log.js";
import { AlertLog } from "../observe/alerts.js";
import { History } from "../history/history.js";
import { ofBinding, ofShard } from "../history/readings.js";
import { UpstreamWatch } from "../history/upstream-watch.js";
import { Webhooks } from "../history/webhooks.js";
import { version } from "../base/version.js";
import { MessageLog } from "../observe/message-log.js";
import type { Login } from "../auth/authenticator.js";
import { LoginLog } from "../auth/login-log.js";
import { printable } from "../base/printable.js";
import type { DrainView } from "../admin/drain-view.js";
import type { Bequest } from "./bequest.js";
import { EmbeddedStore } from "./embedded-store.js";
import type { Keeper } from "./keeper.js";
import { Peers } from "./peers.js";
import { reread } from "./reload.js";
import type { Upgrade } from "./upgrade.js";
import type { FarmNode } from "../config/farm-node.js";
import { ShardPool } from "../shard/pool.js";
import type { CounterTotals } from "../shard/seats.js";
import { type CertificateView, Certificates, type TicketKey } from "../tls/certificates.js";
import type { Began } from "../shard/messages.js";
import { homeConfig, shardLimits, shardNames } from "../shard/shard-config.js";

const NEWS_MS = 250;
/** Of bindings, at a time. */
const MAX_NEWS = 16_384;
const USER_CHARACTERS = 120;

export class Service implements Running {
  readonly pool: ShardPool;
  readonly log: Log;
  readonly listeners: readonly ShardListener[];
  readonly startedAt = Date.now();
  readonly boot: number;
  /** URL of the admin plane; undefined: it is off, or not up yet. */
  adminUrl: string | undefined;
  readonly tracer: Tracer;
  readonly history: History;
  readonly webhooks: Webhooks | undefined;
  readonly bindings: BindingsView | undefined;
  store: EmbeddedStore | undefined;
  keeper: Keeper | undefined;
  state: "up" | "draining" = "up";
  config: Config;
  readonly #peers: Peers;
  #reloading: Promise<unknown> = Promise.resolve();
  #admin: AdminServer | undefined;
  readonly #capture: Capture | undefined;
  readonly #certificates: Certificates | undefined;
  readonly #cluster: number;
  readonly #onDrain: () => void;
  #news: NodeJS.Timeout | undefined;
  #drain: { readonly by: string; readonly since: number } | undefined;
  readonly #environment: () => Environment;
  #upgrade: Upgrade | undefined;

  /** `onDrain` is called when the operator wants the process to drain and end; a reload reads `environment` again. `tickets`: of the process before. */
  constructor(config: Config, configs: readonly ShardConfig[], log: Log, onDrain: () => void, tickets?: TicketKey, environment: () => Environment = readEnvironment) {
    this.config = config;
    this.log = log;
    this.listeners = configs[0]?.listeners ?? [];
    this.boot = configs[0]?.boot ?? 0;
    this.#cluster = configs[0]?.cluster ?? -1;
    this.#onDrain = onDrain;
    this.#environment = environment;
    const alerts = new AlertLog(log);
    const logins = new LoginLog(log);
    const watch = new UpstreamWatch();
    this.history = new History({ stateDir: config.stateDir, megabytes: config.historyMegabytes, version: version(), log });
    this.webhooks = Webhooks.of(config, this.history, log);
    this.#certificates = Certificates.of(config, log, tickets);
    this.#capture = createCapture(config, this.listeners, log);
    this.tracer = new Tracer(() => this.pool, this.listeners, new MessageLog(log), config.captureSample, this.#capture?.put);
    this.pool = new ShardPool({
      shards: config.shards,
      configs,
      outbound: config.outbound,
      home: homeConfig(config),
      tls: this.#certificates?.material,
      policy: config.policy === undefined ? undefined : pathToFileURL(config.policy).href,
      log,
      onAlerts: (shard, list) => {
        alerts.write(shard, list);
        this.history.record(watch.take(shard, list));
      },
      onNews: ({ news, bindings }) => this.history.record([...news.flatMap((row) => ofShard(row, Date.now()) ?? []), ...bindings.map((row) => ofBinding(row, Date.now()))]),
      onLost: (shard) => {
        watch.forget(shard);
        this.history.record([{ kind: "shard-lost", at: Date.now(), shard, why: "the flows of this shard are gone" }]);
      },
      onLogin: (login) => {
        logins.write(login);
        this.history.record([{ kind: "login-failed", at: Date.now(), address: login.source, user: userOf(login), why: login.result }]);
      },
      onTapped: (octets, shard) => this.tracer.take(octets, shard),
    });
    this.bindings = config.mode === "edge" ? undefined : bindingsOf(this.pool, () => this.config);
    this.#peers = new Peers(config, this.pool, log);
  }

  get targetCount(): number {
    return this.#peers.targetCount;
  }

  get capturesLost(): number {
    return this.#capture?.lost() ?? 0;
  }

  /** Before it starts. */
  keepWith(keeper: Keeper | undefined): void {
    this.keeper = keeper;
    if (keeper !== undefined) binding.setKeeper(this.#cluster, keeper.channel);
  }

  /** Resolves when all listeners are open; rejects with one line, and everything is closed again. `before`: of a process that crashed, and whose flows go on here. */
  async start(before?: Bequest): Promise<void> {
    try {
      if (before !== undefined) this.keeper?.fetchFlows(this.#cluster);
      // Before the admin plane, which shows it, and before the shards, which share it.
      this.store = await EmbeddedStore.open(this.config, this.#cluster, this.log);
      await this.#begin();
      await this.#makeAdmin();
      await this.#openAdmin(before?.admin);
      await this.#load();
      if (before !== undefined) this.keeper?.takeFlows(this.#cluster);
      const began = await this.pool.go([], before !== undefined);
      this.keeper?.tell(this.log, began.flatMap(({ revived }) => revived ?? []));
      this.#certificates?.watch((material) => this.pool.orders.setTls(material));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** As the successor of a process that still runs: loads everything, and leaves its files and sockets alone. Rejects with one line. */
  async prepare({ lock }: Pick<Bequest, "lock">): Promise<void> {
    this.store = await EmbeddedStore.open(this.config, this.#cluster, this.log, lock);
    await this.#makeAdmin();
    await this.#load();
  }

  /** Takes the flows over and reads. */
  takeOver({ channels }: Bequest): Promise<readonly Began[]> {
    return this.pool.go(channels);
  }

  /** And answers the operator. */
  async stepIn({ admin }: Bequest, totals: CounterTotals | undefined): Promise<void> {
    if (totals !== undefined) this.pool.seats.countFrom(totals);
    await this.#openAdmin(admin);
    this.#certificates?.watch((material) => this.pool.orders.setTls(material));
  }

  /** The process before has let go of the state folder. */
  async settle(isStoodFor: boolean): Promise<void> {
    await this.#begin();
    this.store?.settle();
    await this.pool.inquiries.askAll({ kind: "settled" });
    this.#upgrade?.allow(isStoodFor);
  }

  async callOffUpgrade(): Promise<void> {
    await this.#upgrade?.callOff();
  }

  /** Whether another process stays in the place of the first one. */
  get isStoodFor(): boolean {
    return this.#upgrade?.isStoodFor ?? false;
  }

  /** The history and those who read it. */
  async #begin(): Promise<void> {
    await this.history.open();
    await this.webhooks?.start();
    this.#takeNews();
    if (this.store !== undefined) this.#news = setInterval(() => this.#takeNews(), NEWS_MS).unref();
  }

  async #makeAdmin(): Promise<void> {
    if (this.config.adminListen !== "off") this.#admin = new (await import("../admin/server.js")).AdminServer(this);
  }

  /** `before`: that of the process before, whose socket is used again if it is at the same place. */
  async #openAdmin(before: Bequest["admin"]): Promise<void> {
    const { adminListen } = this.config;
    if (adminListen === "off" || this.#admin === undefined) return;
    const { host, port } = adminListen;
    const isSame = before !== undefined && (before.url === `http://${showHostPort(host, port)}/` || (port === 0 && before.url.startsWith(`http://${showHostPort(host, port).replace(/0$/, "")}`)));
    if (before !== undefined && !isSame) closeSync(before.socket);
    this.adminUrl = await this.#admin.listen(adminListen, isSame ? before.socket : undefined);
    this.log.info({ url: this.adminUrl }, "the admin plane is up");
  }

  async #load(): Promise<void> {
    // Before the shards, so that even the first request finds an upstream; bounded by the time limit of the DNS.
    await this.#peers.refresh();
    // Likewise, so that a capture holds the first message.
    this.tracer.begin();
    await this.pool.load();
  }

  get upgrades(): UpgradeCounts {
    return this.#upgrade?.counts ?? { done: 0, failed: 0, refused: 0 };
  }

  get isUpgrading(): boolean {
    return this.#upgrade?.isRunning ?? false;
  }

  upgrade(by: string): Promise<UpgradeReport> {
    return this.#upgrade === undefined ? Promise.reject(new ControlRefusal(409, "the program that embeds Sluice must start anew: it cannot be upgraded from here")) : this.#upgrade.run(by);
  }

  /** How another process may take over; without it none can. */
  mayBeReplaced(upgrade: Upgrade): void {
    this.#upgrade = upgrade;
  }

  /** The socket of the admin plane, if there is one. */
  get admin(): Bequest["admin"] {
    return this.#admin === undefined || this.adminUrl === undefined ? undefined : { url: this.adminUrl, socket: this.#admin.socket };
  }

  get cluster(): number {
    return this.#cluster;
  }

  /** Another process reads now: it also answers the operator. */
  stepBack(): void {
    this.#admin?.stopListening();
  }

  /** It died: this one goes on. Resolves with how many connections are lost. */
  async stepForward(): Promise<number> {
    const lost = (await this.#upgrade?.goOn()) ?? 0;
    await this.#admin?.listenAgain();
    this.#upgrade?.failed();
    return lost;
  }

  /** Lets go of everything that the process `pid` has now. What cannot move, such as handshakes, is served on. */
  async bequeath(pid: number): Promise<void> {
    clearInterval(this.#news);
    this.#takeNews();
    await this.webhooks?.close();
    await this.history.close(`process ${pid} took over`);
    await this.pool.release(this.#upgrade?.takeChannels() ?? []);
  }

  /** Ends what did not move. */
  async drainRest(): Promise<void> {
    this.state = "draining";
    await this.pool.handshakesOver(this.config.handshakeSeconds);
    await this.pool.drain(this.config.drainSeconds, this.config.drainRate, false);
  }

  get tickets(): TicketKey | undefined {
    return this.#certificates?.tickets;
  }

  certificates(): readonly CertificateView[] {
    return this.#certificates?.views() ?? [];
  }

  setKeys(keys: readonly FlowKey[]): void {
    this.config = Object.freeze({ ...this.config, flowKeys: keys });
    this.pool.orders.setKeys(keys);
  }

  drain(): void {
    if (this.pool.draining === undefined) this.#onDrain();
    else this.pool.pauseDrain(false);
  }

  pauseDrain(): void {
    this.pool.pauseDrain(true);
  }

  stay(): void {
    this.state = "up";
    this.pool.stay();
  }

  /** As a whole or not at all, and one at a time. */
  reload(): Promise<ReloadReport> {
    const report = this.#reloading.then(() => this.#reload());
    this.#reloading = report.catch(() => undefined);
    return report;
  }

  async #reload(): Promise<ReloadReport> {
    if (this.isUpgrading) return this.#rejected(["an upgrade is under way, which reads the configuration as well: try again when it is done"]);
    const { config, changed, needRestart, errors } = reread(this.config, this.#environment);
    if (config === undefined) return this.#rejected(errors);
    // Everything that may fail comes first, while the old settings stay in force.
    const peers = await this.#peers.prepare(config, changed);
    const faults = [...peers.faults];
    const useCertificates = this.#certificates?.prepare(config, (fault) => faults.push(fault));
    if (faults.length > 0) {
      peers.discard();
      return this.#rejected(faults);
    }
    this.config = config;
    this.#admin?.control.logLevel.setUsual(config.logLevel);
    if (!this.#admin) this.log.level = config.logLevel;
    this.pool.orders.setKeys(config.flowKeys);
    this.pool.orders.setRules(shardLimits(config), config.flowTimer, config.outbound);
    this.pool.orders.setNames(shardNames(config));
    if (config.mode !== "edge") this.pool.orders.setHome(config);
    this.store?.setMost(config.maxBindings);
    peers.use();
    useCertificates?.();
    this.log.info({ changed, needRestart }, needRestart.length > 0 ? "reloaded; some changes take effect only after a restart" : "reloaded");
    return { changed, needRestart, errors };
  }

  #rejected(errors: readonly string[]): ReloadReport {
    this.log.error({ errors }, "reload rejected: nothing changed");
    return { changed: [], needRestart: [], errors };
  }

  /** False: it was called off. */
  async drainAll(by: string): Promise<boolean> {
    this.state = "draining";
    this.#drain = { by, since: Date.now() };
    const isDone = await this.pool.drain(this.config.drainSeconds, this.config.drainRate);
    if (isDone) return true;
    this.#drain = undefined;
    this.log.info("the drain was called off: requests and connections are taken again");
    return false;
  }

  get farmNodes(): readonly FarmNode[] {
    return this.#peers.farmNodes;
  }

  get drainView(): DrainView | undefined {
    const { draining } = this.pool;
    return this.#drain && draining && { ...this.#drain, ...draining };
  }

  /** False: a shard cannot be ended. `why`: who asked for it. */
  async close(why = "the program that embeds it"): Promise<boolean> {
    this.#peers.close();
    this.tracer.close();
    this.#certificates?.close();
    const ended = await this.pool.close();
    clearInterval(this.#news);
    this.#takeNews();
    await this.store?.close();
    await this.webhooks?.close();
    await this.history.close(why);
    this.#admin?.close();
    await this.#capture?.close();
    return ended;
  }

  #takeNews(): void {
    if (this.store === undefined) return;
    this.store.wantNews(this.history.isRead);
    for (let taken = 0, count = 1; count > 0 && taken < MAX_NEWS; taken += count) count = this.history.take(this.store);
  }
}

/** As the log shows it. */
function userOf({ user, realm }: Login): string {
  return printable(Buffer.from(`${user}@${realm}`, "latin1"), USER_CHARACTERS);
}
