/** Runs the edge from configuration to shards, and ends it when a signal says so. */
import { readFileSync } from "node:fs";
import { promises as dns } from "node:dns";
import { pathToFileURL } from "node:url";
import type { Config } from "./config/config.js";
import { showHostPort } from "./config/host-port.js";
import { showUpstream } from "./config/upstream.js";
import type { ShardConfig } from "./native/binding.js";
import type { Log } from "./observe/log.js";
import { NoticeLog } from "./observe/notices.js";
import { DnsRecords } from "./resolve/dns-records.js";
import { Upstreams } from "./resolve/upstreams.js";
import { ShardPool } from "./shard/pool.js";
import { shardConfigs, trustedNets } from "./shard/shard-config.js";
import { Certificates } from "./tls/certificates.js";

// Descriptors that are no flows: listeners, epoll, rings, log, V8.
const SPARE_DESCRIPTORS = 200;

/** Resolves when the process has been told to end and is done; rejects with one line when it cannot start. */
export async function serve(config: Config, log: Log): Promise<void> {
  const certificates = Certificates.of(config, log);
  const configs = shardConfigs(config);
  const notices = new NoticeLog(log);
  const pool = new ShardPool({
    shards: config.shards,
    configs,
    outbound: config.outbound,
    policy: config.policy === undefined ? undefined : pathToFileURL(config.policy).href,
    tls: certificates?.material,
    log,
    onNotices: (shard, list) => notices.write(shard, list),
  });
  const upstreams = new Upstreams(config.upstream, new DnsRecords(new dns.Resolver()), {
    onChange: (targets) => {
      pool.setUpstreams(targets, trustedNets(config, targets));
      const shown = targets.map(({ transport, address, port, priority, weight }) => `${transport}:${showHostPort(address, port)} ${priority}/${weight}`);
      log.info({ targets: shown }, shown.length > 0 ? "upstream" : "no upstream target: what clients send is answered 503");
    },
    onFailure: (uri, error) => log.warn({ upstream: showUpstream(uri), reason: error.message }, "an upstream cannot be resolved"),
  });
  warnOfDescriptors(config, log);
  // First, so that not even the first request finds no upstream; it is bounded by the time limit of the DNS.
  await upstreams.refresh();
  try {
    await pool.start();
  } catch (error) {
    upstreams.close();
    await pool.close();
    throw error;
  }
  log.info({ listeners: listenersOf(configs), shards: config.shards, pid: process.pid }, "the edge is up");
  certificates?.watch((material) => pool.setTls(material));
  await untilTold(config, log, pool, upstreams, certificates);
}

async function untilTold(config: Config, log: Log, pool: ShardPool, upstreams: Upstreams, certificates: Certificates | undefined): Promise<void> {
  const hangUp = (): void => {
    log.info("SIGHUP: the upstream is resolved anew, certificates are read again");
    certificates?.reload();
    void upstreams.refresh();
  };
  process.on("SIGHUP", hangUp);
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, resolve);
  });
  log.info({ signal, seconds: config.drainSeconds }, "draining: new requests get 503, a second signal ends at once");
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => process.exit(1));
  process.off("SIGHUP", hangUp);
  upstreams.close();
  certificates?.close();
  await pool.drain(config.drainSeconds);
  await pool.close();
  log.info("stopped");
}

function listenersOf(configs: readonly ShardConfig[]): readonly string[] {
  return (configs[0]?.listeners ?? []).map(({ transport, address, port, facing }) => {
    return `${transport}:${showHostPort(address, port)}${facing === "both" ? "" : ` (${facing})`}`;
  });
}

/** Node raises its soft limit to the hard one, so this is what there is. */
function warnOfDescriptors({ maxFlows }: Config, log: Log): void {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  if (maxFlows + SPARE_DESCRIPTORS > limit) {
    log.warn({ limit, maxFlows }, "this process may open fewer descriptors than SLUICE_MAX_FLOWS: further connections will wait or fail (ulimit -n)");
  }
}
