/** Runs the process from configuration to its end, which a signal or the operator brings. */
import { readFileSync } from "node:fs";
import type { Config } from "../config/config.js";
import { Counter } from "../native/layout.js";
import { showShardListener } from "../native/listener-of.js";
import { binding } from "../native/load.js";
import type { Log } from "../observe/log.js";
import { bannerOf } from "./banner.js";
import { keepPrivate } from "./private-state.js";
import { removeRunning, writeRunning } from "./running-file.js";
import { Service } from "./service.js";
import { onSignal } from "./signals.js";
import { ServiceManager } from "./systemd.js";
import { shardConfigs } from "../shard/shard-config.js";

// Descriptors that are not flows: listeners, epoll, rings, log, V8.
const SPARE_DESCRIPTORS = 200;

/** Resolves when the process has been told to end and is done; rejects with one line when it cannot start. */
export async function serve(config: Config, log: Log): Promise<void> {
  const orders = new Orders();
  keepPrivate(config.stateDir);
  const service = new Service(config, shardConfigs(config), log, () => orders.end("the operator"));
  warnOfDescriptors(config, log);
  const starting = service.start();
  let why = "it could not start";
  if ((await Promise.race([starting, orders.told])) === undefined) {
    const manager = new ServiceManager(() => statusOf(service), () => service.pool.ills.length === 0);
    manager.ready();
    writeRunning(config.stateDir, service.adminUrl);
    if (process.stdout.isTTY) process.stdout.write(bannerOf(service));
    log.info({ mode: config.mode, listeners: service.listeners.map((listener) => showShardListener(listener, config.shards)), shards: config.shards, pid: process.pid }, "sluice is up");
    orders.onReload(() => void service.reload());
    why = await orders.told;
    const { drainSeconds, drainRate } = service.config;
    log.info({ signal: why, seconds: drainSeconds, rate: drainRate }, "draining: new requests get 503, a second signal ends at once");
    manager.stopping();
    await service.drainAll();
    manager.close();
  } else {
    // Told to end before it was up; a failing start no longer matters.
    starting.catch(() => undefined);
  }
  const ended = await service.close(why);
  removeRunning(config.stateDir);
  log.info("stopped");
  if (ended) return;
  log.error("a shard cannot be ended: the process ends without it");
  binding.exitNow(0);
}

/** What signals and the operator ask for: reloads, any number of them, and the end, once. */
class Orders {
  /** Who asked for the end. */
  readonly told: Promise<string>;
  #tell: (why: string) => void = () => undefined;
  #isEnding = false;
  #reload: (() => void) | undefined;
  #wantsReload = false;

  constructor() {
    this.told = new Promise((resolve) => (this.#tell = resolve));
    onSignal((signal) => {
      if (signal !== "SIGHUP") this.end(signal);
      else if (this.#reload === undefined) this.#wantsReload = true;
      else this.#reload();
    });
  }

  /** The second time it ends at once, whatever the shards do. */
  end(why: string): void {
    if (this.#isEnding && why.startsWith("SIG")) binding.exitNow(1);
    this.#isEnding = true;
    this.#reload = () => undefined;
    this.#tell(why);
  }

  onReload(reload: () => void): void {
    if (this.#isEnding) return;
    this.#reload = reload;
    if (this.#wantsReload) reload();
  }
}

function statusOf({ pool, targetCount }: Service): string {
  const flows = pool.counter(Counter.streamFlows) + pool.counter(Counter.udpFlows);
  return [...pool.ills, `${flows} flows, ${pool.counter(Counter.requestsIn)} requests, ${targetCount} upstream targets`].join("; ");
}

/** Node raises the soft limit to the hard one, so this is all there is. */
function warnOfDescriptors({ maxFlows }: Config, log: Log): void {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  if (maxFlows + SPARE_DESCRIPTORS > limit) {
    log.warn({ limit, maxFlows }, "SLUICE_MAX_FLOWS exceeds the file descriptors that this process may open: raise the limit (ulimit -n, LimitNOFILE) or further connections will fail");
  }
}
