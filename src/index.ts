/**
 * Sluice inside a process of your own:
 *
 *     import { start } from "sluice";
 *     const sluice = await start({ SLUICE_LISTEN: "udp:127.0.0.1:5060", SLUICE_DOMAINS: "example.com" });
 *     …
 *     await sluice.stop();
 */
import { completeConfig, readSettings } from "./config/read.js";
import { createLog } from "./observe/log.js";
import { Service } from "./process/service.js";
import { shardConfigs } from "./shard/shard-config.js";

/** Variables of docs/configuration.md by name, as the environment would give them; those of the environment itself do not count. */
export type Settings = Readonly<Record<string, string>>;

export interface Options {
  /** Takes the log, a JSON document a line; without it the log goes to stdout. */
  readonly log?: { write(line: string): void };
}

export interface Sluice {
  /** Resolves when it has stopped, after `stop` or because the operator drained it through the admin plane. */
  readonly stopped: Promise<void>;
  /** Takes over what may change in a running server. Names the variables that changed, those that need a restart, and every error. */
  reload(settings: Settings): Promise<{ readonly changed: readonly string[]; readonly needRestart: readonly string[]; readonly errors: readonly string[] }>;
  /** Drains for SLUICE_DRAIN_SECONDS, then closes every flow and listener. */
  stop(): Promise<void>;
}

/** Resolves when every listener is open. Rejects with a line for each setting that is invalid, or for the listener that cannot be opened. */
export async function start(settings: Settings, options: Options = {}): Promise<Sluice> {
  let current = settings;
  const { settings: read, errors, warnings } = readSettings(settings);
  if (read === undefined) throw new Error(errors.join("\n"));
  const { config, error } = completeConfig(read, true);
  if (config === undefined) throw new Error(error);
  const log = createLog(config.logLevel, options.log);
  for (const warning of warnings) log.warn(warning);

  let stopping: Promise<void> | undefined;
  let isToStop = false;
  let hasStopped = (): void => undefined;
  const stopped = new Promise<void>((resolve) => (hasStopped = resolve));
  const end = async (): Promise<void> => {
    const isDrained = await service.drainAll(isToStop ? "the program that embeds it" : "the operator");
    // The operator may call off a drain of theirs, but not what the program has decided.
    if (!isDrained && !isToStop) {
      stopping = undefined;
      return;
    }
    await service.close();
    hasStopped();
  };
  const drain = (): Promise<void> => (stopping ??= end());
  const stop = (): Promise<void> => {
    isToStop = true;
    return drain();
  };
  const service = new Service(config, shardConfigs(config), log, () => void drain(), undefined, () => current);
  await service.start();
  return {
    stopped,
    reload: (next) => {
      current = next;
      return service.reload();
    },
    stop,
  };
}
