/** Runs the process from configuration to its end, which a signal or the operator brings. */
import { readFileSync } from "node:fs";
import type { Config } from "../config/config.js";
import { showHostPort } from "../config/host-port.js";
import type { ShardListener } from "../native/binding.js";
import { Counter } from "../native/layout.js";
import type { Log } from "../observe/log.js";
import { Service } from "./service.js";
import { ServiceManager } from "./systemd.js";
import { shardConfigs } from "../shard/shard-config.js";

// Descriptors that are no flows: listeners, epoll, rings, log, V8.
const SPARE_DESCRIPTORS = 200;

/** Resolves when the process has been told to end and is done; rejects with one line when it cannot start. */
export async function serve(config: Config, log: Log): Promise<void> {
  let tell: (why: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => (tell = resolve));
  const service = new Service(config, shardConfigs(config), log, () => tell("the operator"));
  warnOfDescriptors(config, log);
  await service.start();
  const manager = new ServiceManager(() => {
    const flows = service.pool.counter(Counter.streamFlows) + service.pool.counter(Counter.udpFlows);
    return `${flows} flows, ${service.pool.counter(Counter.requestsIn)} requests, ${service.targetCount} upstream targets`;
  });
  manager.ready();
  log.info({ mode: config.mode, listeners: listenersOf(service.listeners), shards: config.shards, pid: process.pid }, "sluice is up");
  await untilTold(service, told, tell);
  manager.stopping();
  await service.drainAll();
  await service.close();
  manager.close();
  log.info("stopped");
}

async function untilTold(service: Service, told: Promise<string>, tell: (why: string) => void): Promise<void> {
  const hangUp = (): void => void service.reload();
  process.on("SIGHUP", hangUp);
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => tell(name));
  const why = await told;
  const { drainSeconds, drainRate } = service.config;
  service.log.info({ signal: why, seconds: drainSeconds, rate: drainRate }, "draining: new requests get 503, a second signal ends at once");
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.removeAllListeners(name);
    process.once(name, () => process.exit(1));
  }
  process.off("SIGHUP", hangUp);
}

function listenersOf(listeners: readonly ShardListener[]): readonly string[] {
  return listeners.map(({ transport, address, port, facing }) => `${transport}:${showHostPort(address, port)}${facing === "both" ? "" : ` (${facing})`}`);
}

/** Node raises its soft limit to the hard one, so this is what there is. */
function warnOfDescriptors({ maxFlows }: Config, log: Log): void {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  if (maxFlows + SPARE_DESCRIPTORS > limit) {
    log.warn({ limit, maxFlows }, "SLUICE_MAX_FLOWS exceeds the file descriptors that this process may open: raise the limit (ulimit -n, LimitNOFILE) or further connections will fail");
  }
}
