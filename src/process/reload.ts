/** What a reload may change in a running process, and what it may not. */
import { readFileSync } from "node:fs";
import { messageOf } from "../base/message-of.js";
import { HtdigestUsers } from "../auth/htdigest.js";
import type { Config } from "../config/config.js";
import { Unexpected } from "../config/kind.js";
import { type Environment, completeConfig, misspelt, readSettings } from "../config/read.js";
import { table } from "../config/table.js";

type Key = keyof typeof table;

const LIVE: ReadonlySet<Key> = new Set<Key>([
  "upstream", "farm", "trusted", "flowKeys", "flowTimer", "logLevel", "maxFlows", "maxFlowsPerSource", "maxPending", "maxPendingPerSource", "maxBindings", "maxMessage", "queueMax", "handshakeSeconds", "firstMessageSeconds",
  "messageSeconds", "idleSeconds", "drainSeconds", "drainRate", "tlsCert", "tlsKey", "tlsCa", "tlsClientCert", "tlsRecords",
  "domains", "names", "edges", "failoverStatus", "failoverMs", "timerCSeconds", "auth", "authAlgorithms", "nonceSeconds", "foreignCallers",
  "wsOrigins", "wsPaths", "minExpires", "maxExpires", "defaultExpires", "expiresJitter", "maxContacts", "maxFlowsPerInstance", "fastPath", "obPathCheck", "pathMode",
]);

export interface Reread {
  /** The present configuration with the changes that may apply; undefined when there are errors. */
  readonly config: Config | undefined;
  readonly changed: readonly string[];
  readonly needRestart: readonly string[];
  readonly errors: readonly string[];
}

/** Reads the environment, its file and the key file again. With any error nothing applies. */
export function reread(present: Config, environment: () => Environment): Reread {
  const failed = (errors: readonly string[]): Reread => ({ config: undefined, changed: [], needRestart: [], errors });
  try {
    const given = environment();
    const reading = readSettings(given);
    // The environment itself may hold names that others set; those in the file are the operator's.
    const ofFile = Object.entries(given).filter(([name]) => process.env[name] === undefined);
    const errors = [...reading.errors, ...misspelt(Object.fromEntries(ofFile))];
    const { settings } = reading;
    if (settings === undefined || errors.length > 0) return failed(errors);
    const { config, error } = completeConfig(settings, false);
    if (config === undefined) return failed([error ?? "the keys cannot be read"]);
    const fault = faultOfUsers(config);
    if (fault !== undefined) return failed([fault]);
    const keys = Object.keys(table) as Key[];
    const different = keys.filter((key) => shown(config[key]) !== shown(present[key]));
    const live = different.filter((key) => LIVE.has(key));
    const next = Object.freeze({ ...present, ...Object.fromEntries(live.map((key) => [key, config[key]])) });
    const names = (those: readonly Key[]): readonly string[] => those.map((key) => table[key].name);
    return { config: next, changed: names(live), needRestart: names(different.filter((key) => !LIVE.has(key))), errors: [] };
  } catch (error) {
    if (error instanceof Unexpected) return failed([`${table.envFile.name}: expected ${error.message}`]);
    throw error;
  }
}

/** If only some shards could read the file, they would have different users. */
function faultOfUsers({ mode, auth }: Config): string | undefined {
  if (mode === "edge" || auth.kind !== "file") return undefined;
  try {
    new HtdigestUsers(readFileSync(auth.path, "latin1"));
    return undefined;
  } catch (error) {
    return `${table.auth.name}: expected ${messageOf(error)}`;
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "";
}
