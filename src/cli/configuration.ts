/** `sluice start`, `check-config` and `print-config`: commands that need the configuration rather than a running process. */
import { readEnvironment } from "../config/environment.js";
import { Unexpected } from "../config/kind.js";
import { printConfig } from "../config/print.js";
import { type Environment, completeConfig, readSettings } from "../config/read.js";
import type { Config } from "../config/config.js";
import { table } from "../config/table.js";
import { type Command, Exit } from "./command.js";
import { readOptions } from "./options.js";
import { complain, printJson } from "./output.js";

interface Reading {
  readonly environment: Environment;
  /** Undefined when there are faults. */
  readonly config: Config | undefined;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** `make`: a missing key file is made. */
export function readConfiguration(make: boolean): Reading {
  let environment: Environment;
  try {
    environment = readEnvironment();
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return { environment: {}, config: undefined, faults: [`${table.envFile.name}: expected ${error.message}`], warnings: [] };
  }
  const { settings, errors, warnings } = readSettings(environment);
  const { config, error } = settings ? completeConfig(settings, make) : {};
  const faults = error === undefined ? errors : [...errors, error];
  return { environment, config: faults.length > 0 ? undefined : config, faults, warnings };
}

export const start: Command = {
  name: "start",
  summary: "start the server (the same as no command)",
  usage: "",
  help: `
SLUICE_ variables configure it: sluice print-config prints them, docs/configuration.md explains them.

  SLUICE_UPSTREAM=sip:registrar.example.org SLUICE_LISTEN=udp:192.0.2.1:5060,tcp:192.0.2.1:5060 sluice start`,
  run: async (args) => {
    readOptions(args, {});
    const { config, faults, warnings } = readConfiguration(true);
    if (config === undefined) {
      for (const line of [...warnings, ...faults]) complain(line);
      return Exit.badConfig;
    }
    // The addon is loaded only here: no other command needs it, so they work without it too.
    const { createLog } = await import("../observe/log.js");
    const log = createLog(config.logLevel);
    for (const warning of warnings) log.warn(warning);
    try {
      const { serve } = await import("../process/run.js");
      await serve(config, log);
      return Exit.ok;
    } catch (error) {
      // For example a port in use: one line, for the operator who has just started this.
      complain(error instanceof Error ? error.message : String(error));
      log.debug({ err: error }, "cannot run");
      return Exit.failed;
    }
  },
};

export const checkConfig: Command = {
  name: "check-config",
  summary: "check the configuration; exit status 78 when it is invalid",
  usage: "",
  help: `
  --json             print one JSON document

  sluice check-config && systemctl reload sluice`,
  run: (args) => {
    const { values } = readOptions(args, {});
    const { config, faults, warnings } = readConfiguration(false);
    if (values.json) printJson({ ok: config !== undefined, faults, warnings });
    else for (const line of [...warnings, ...faults]) complain(line);
    return config === undefined ? Exit.badConfig : Exit.ok;
  },
};

export const printConfiguration: Command = {
  name: "print-config",
  summary: "print the effective configuration, secrets masked",
  usage: "",
  help: `
  --json             print one JSON document

  sluice print-config > /etc/sluice/sluice.env`,
  run: (args) => {
    const { values } = readOptions(args, {});
    const { environment, config, faults, warnings } = readConfiguration(false);
    for (const line of [...warnings, ...faults]) complain(line);
    if (config === undefined) return Exit.badConfig;
    const text = printConfig(environment);
    if (values.json) printJson(Object.fromEntries(text.split("\n").flatMap((line) => /^(SLUICE_\w+)=(.*)$/.exec(line)?.slice(1, 3) ?? []).reduce<[string, string][]>(pairs, [])));
    else process.stdout.write(text);
    return Exit.ok;
  },
};

function pairs(done: [string, string][], word: string, at: number, all: string[]): [string, string][] {
  return at % 2 === 0 ? [...done, [word, all[at + 1] ?? ""]] : done;
}
