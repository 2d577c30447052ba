/** `sluice start`, `check-config` and `print-config`: commands that need the configuration rather than a running process. */
import { fstatSync, renameSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../base/message-of.js";
import { readEnvironment } from "../config/environment.js";
import { Unexpected } from "../config/kind.js";
import { printConfig } from "../config/print.js";
import { type Environment, completeConfig, readSettings } from "../config/read.js";
import type { Config } from "../config/config.js";
import { table } from "../config/table.js";
import { STANDBY_VARIABLE } from "../process/keeper-variables.js";
import { type Command, CommandError, Exit } from "./command.js";
import { type Place, findPlace } from "./place.js";
import { readOptions } from "./options.js";
import { complain, print, printJson } from "./output.js";

interface Reading {
  /** Undefined: this process itself, or an environment that cannot be read. */
  readonly place: Place | undefined;
  readonly environment: Environment;
  /** Undefined when there are faults. */
  readonly config: Config | undefined;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

const UNREADABLE: Reading = { place: undefined, environment: {}, config: undefined, faults: [], warnings: [] };

/** What this process will be, as the shell configures it. Creates a missing key file. */
function readOwn(): Reading {
  return attempt(() => read(readEnvironment(), undefined, true));
}

/** The configuration of the server that the operator means, running or not. */
export function readConfiguration(): Reading {
  return attempt(() => {
    const place = findPlace();
    return read(place.environment, place, false);
  });
}

function attempt(reading: () => Reading): Reading {
  try {
    return reading();
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return { ...UNREADABLE, faults: [`${table.envFile.name}: expected ${error.message}`] };
  }
}

function read(environment: Environment, place: Place | undefined, make: boolean): Reading {
  const { settings, errors, warnings } = readSettings(environment);
  const { config, error } = settings ? completeConfig(settings, make) : {};
  const faults = error === undefined ? errors : [...errors, error];
  return { place, environment, config: faults.length > 0 ? undefined : config, faults, warnings };
}

export const start: Command = {
  name: "start",
  summary: "start the server (the same as no command)",
  usage: "",
  help: `
SLUICE_ variables configure it: sluice print-config prints them, docs/configuration.md explains them.

  SLUICE_UPSTREAM=sip:registrar.example.org SLUICE_LISTEN=udp:192.0.2.1:5060,tcp:192.0.2.1:5060 sluice start`,
  run: async (args) => {
    const { values } = readOptions(args, { successor: { type: "boolean" } });
    // Before the configuration is read, which may change while it waits.
    if (process.env[STANDBY_VARIABLE] !== undefined) await (await import("../process/stand-by.js")).standBy();
    const { config, faults, warnings } = readOwn();
    if (config === undefined) {
      complainAll(warnings, faults);
      if (values.successor) await failSuccession(`its configuration is invalid: ${faults.join("; ")}`);
      return Exit.badConfig;
    }
    // The addon is loaded only here: no other command needs it, so they work without it too.
    const { createLog } = await import("../observe/log.js");
    const log = createLog(config.logLevel);
    for (const warning of warnings) log.warn(warning);
    try {
      const { Keeper } = await import("../process/keeper.js");
      if (config.keeper !== "off" && values.successor !== true && !Keeper.isPresent) Keeper.become(config.keeper === "standby");
      const { serve, succeed } = await import("../process/run.js");
      if (values.successor) await succeed(config, log, new (await import("../process/predecessor.js")).Predecessor());
      else await serve(config, log);
      return Exit.ok;
    } catch (error) {
      if (values.successor) await failSuccession(messageOf(error));
      // For example a port in use: one line, for the operator who has just started this.
      complain(messageOf(error));
      log.debug({ err: error }, "cannot run");
      return Exit.failed;
    }
  },
};

/** The process that started this one to be replaced by it goes on, and logs why. */
async function failSuccession(why: string): Promise<void> {
  await new Promise((resolve) => (process.send === undefined ? resolve(undefined) : process.send({ kind: "failed", why }, resolve)));
}

export const checkConfig: Command = {
  name: "check-config",
  summary: "check the configuration; exit status 78 when it is invalid",
  usage: "",
  help: `
  --json             print one JSON document

  sluice check-config && systemctl reload sluice`,
  run: (args) => {
    const { values } = readOptions(args, {});
    const { place, config, faults, warnings } = readConfiguration();
    if (values.json) printJson({ ok: config !== undefined, of: place?.says, faults, warnings });
    else {
      complainAll(warnings, faults);
      if (place !== undefined) print(`${config === undefined ? "invalid" : "valid"}: ${place.says}`);
    }
    return config === undefined ? Exit.badConfig : Exit.ok;
  },
};

export const printConfiguration: Command = {
  name: "print-config",
  summary: "print the effective configuration, secrets masked",
  usage: "",
  help: `
  --output FILE      write a file that SLUICE_ENV_FILE may name, with the secrets, for its owner alone
  --json             print one JSON document

It speaks of the server that runs here, unless the shell sets SLUICE_ variables of its own.

  sluice print-config
  sluice print-config --output /etc/sluice/sluice.env.new`,
  run: (args) => {
    const { values } = readOptions(args, { output: { type: "string" } });
    const { place, environment, config, faults, warnings } = readConfiguration();
    complainAll(warnings, faults);
    if (isStdout(environment[table.envFile.name])) throw new CommandError(Exit.usage, `${environment[table.envFile.name]} is both read and written, and the shell has emptied it: print-config --output FILE writes another one`);
    if (config === undefined) return Exit.badConfig;
    if (values.output !== undefined) return writeConfig(values.output, environment);
    const text = `# Of ${place?.says}\n${printConfig(environment)}`;
    if (values.json) printJson(Object.fromEntries(text.split("\n").flatMap((line) => /^(SLUICE_\w+)=(.*)$/.exec(line)?.slice(1, 3) ?? []).reduce<[string, string][]>(pairs, [])));
    else process.stdout.write(text);
    return Exit.ok;
  },
};

/** Warnings stop nothing, and say that they are warnings. */
function complainAll(warnings: readonly string[], faults: readonly string[]): void {
  for (const line of warnings) complain(`warning: ${line}`);
  for (const line of faults) complain(line);
}

/** Whether the shell redirects our output to that file. */
function isStdout(path: string | undefined): boolean {
  if (path === undefined || path === "") return false;
  const file = statSync(path, { throwIfNoEntry: false });
  const stdout = fstatSync(1);
  return file !== undefined && file.ino === stdout.ino && file.dev === stdout.dev;
}

/** Writes the whole file or nothing; never the one that was read, because its comments and order belong to the operator. */
function writeConfig(path: string, environment: Environment): number {
  const source = environment[table.envFile.name];
  if (source !== undefined && resolve(source) === resolve(path)) throw new CommandError(Exit.usage, `${path} is what was read: name another file, compare, then rename it`);
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, printConfig(environment, { secrets: "shown" }), { mode: 0o600, flag: "wx" });
  renameSync(draft, path);
  return Exit.ok;
}

function pairs(done: [string, string][], word: string, at: number, all: string[]): [string, string][] {
  return at % 2 === 0 ? [...done, [word, all[at + 1] ?? ""]] : done;
}
