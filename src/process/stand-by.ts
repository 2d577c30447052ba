/**
 * A second server under the keeper (SLUICE_KEEPER=standby): it loads everything, threads included, and waits until the first one has crashed. What it
 * finds then, configuration included, it reads as any start does; until then it has read what takes long, so that it has been done once.
 */
import { randomBytes } from "node:crypto";
import type { Config } from "../config/config.js";
import { readEnvironment } from "../config/environment.js";
import { completeConfig, readSettings } from "../config/read.js";
import { binding } from "../native/load.js";
import { createLog } from "../observe/log.js";
import { warmThreads } from "../shard/shard-thread.js";
import { Certificates } from "../tls/certificates.js";
import { Keeper } from "./keeper.js";

/** Of a cluster that nobody uses. */
const RING_OCTETS = 4_096;
const SEED_OCTETS = 96;

/** Resolves when it is its turn; ends this process when the keeper has ended. */
export async function standBy(): Promise<void> {
  await Promise.all([import("./run.js"), import("../admin/server.js")]);
  const config = configNow();
  await warmThreads({ shards: config?.shards ?? 0, isHome: config !== undefined && config.mode !== "edge" });
  if (config !== undefined) rehearse(config);
  Keeper.standBy();
}

/** It may be another one by then, or faulty now. */
function configNow(): Config | undefined {
  try {
    const { settings } = readSettings(readEnvironment());
    return settings && completeConfig(settings, false).config;
  } catch {
    return undefined;
  }
}

/** Certificates, and authorities by the hundred, which are not read again if they are the same then (native/tls/openssl_provider.cc). */
function rehearse(config: Config): void {
  try {
    const certificates = Certificates.of(config, createLog("silent"));
    if (certificates === undefined) return;
    const cluster = binding.createCluster(1, RING_OCTETS, [], randomBytes(SEED_OCTETS));
    if (typeof cluster !== "number") return;
    binding.setTls(cluster, certificates.material);
    binding.closeCluster(cluster);
  } catch {
    // The start will say so.
  }
}
