/** Which process and configuration a command is about: what the shell says, else the server that runs here, else its unit file. */
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { readEnvironment } from "../config/environment.js";
import { type Environment, textOf } from "../config/read.js";
import { table } from "../config/table.js";
import { type RunningFile, readRunning } from "../process/running-file.js";

export interface Place {
  readonly environment: Environment;
  /** Where that comes from, for the operator. */
  readonly says: string;
  /** The process that is using its state folder. */
  readonly running: RunningFile | undefined;
  /** Whether the shell itself configures something. */
  readonly isShell: boolean;
}

/** The state folders of the unit in deploy/systemd and of a start from this folder. */
const STATE_DIRS = ["./state", "/var/lib/sluice"];
const UNITS = ["/etc/systemd/system/sluice.service", "/usr/lib/systemd/system/sluice.service", "/lib/systemd/system/sluice.service"];
/** Variables that do not make a configuration by themselves. */
const HARMLESS: ReadonlySet<string> = new Set([table.adminToken.name, "SLUICE_PROBE_PASSWORD"]);

/** Throws Unexpected when the file that SLUICE_ENV_FILE names cannot be read. */
export function findPlace(shell: Environment = process.env, stateDirs = STATE_DIRS, units = UNITS): Place {
  const isShell = Object.entries(shell).some(([name, value]) => name.startsWith("SLUICE_") && !HARMLESS.has(name) && value !== undefined && value !== "");
  return (isShell ? undefined : (ofProcess(shell, stateDirs) ?? ofUnit(shell, units))) ?? ofShell(shell, isShell);
}

function ofShell(shell: Environment, isShell: boolean): Place {
  const environment = readEnvironment(shell);
  const here = readRunning(stateOf(environment, "."));
  const running = here !== undefined && isAnother(here, shell) ? undefined : here;
  return { environment, says: `this shell's environment${file(shell)}${isShell ? "" : ", which sets nothing: the defaults"}`, running, isShell };
}

/** The shell names the admin plane of another server than that one. Port 0 names none: the kernel has chosen. */
function isAnother({ admin }: RunningFile, shell: Environment): boolean {
  const port = /:(\d+)$/.exec(shell[table.adminListen.name] ?? "")?.[1] ?? "0";
  return port !== "0" && admin !== undefined && new URL(admin).port !== port;
}

/** The environment that the running process was started with, if we may read it. */
function ofProcess(shell: Environment, stateDirs: readonly string[]): Place | undefined {
  for (const stateDir of stateDirs) {
    const running = readRunning(stateDir);
    if (running === undefined) continue;
    try {
      const own = sluiceOf(readFileSync(`/proc/${running.pid}/environ`, "utf8").split("\0").map((line) => line.split(/=(.*)/s, 2) as [string, string?]));
      const folder = readlinkSync(`/proc/${running.pid}/cwd`);
      const absolute = own[table.envFile.name] === undefined ? own : { ...own, [table.envFile.name]: resolve(folder, own[table.envFile.name] ?? "") };
      const read = readEnvironment({ ...absolute, ...harmlessOf(shell) });
      return { environment: { ...read, [table.stateDir.name]: stateOf(read, folder) }, says: `the running process, pid ${running.pid}${file(absolute)}`, running, isShell: false };
    } catch {
      return { environment: { ...harmlessOf(shell), [table.stateDir.name]: resolve(stateDir) }, says: `the running process, pid ${running.pid}, whose environment you may not read`, running, isShell: false };
    }
  }
  return undefined;
}

/** What systemd would start it with. */
function ofUnit(shell: Environment, units: readonly string[]): Place | undefined {
  const unit = units.find((path) => existsSync(path));
  if (unit === undefined) return undefined;
  const lines = readFileSync(unit, "utf8").split("\n");
  const values = (name: string): readonly string[] => lines.flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1).trim()] : []));
  const files = values("EnvironmentFile").map((path) => path.replace(/^-/, "")).filter((path) => existsSync(path));
  const set = values("Environment").flatMap((line) => (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"(.*)"$/, "$1").split(/=(.*)/s, 2) as [string, string?]));
  // Files win over Environment= (systemd.exec(5)).
  const own = files.reduce<Environment>((all, path) => ({ ...all, ...parseEnv(readFileSync(path, "utf8")) }), sluiceOf(set));
  const environment = readEnvironment({ ...own, ...harmlessOf(shell) });
  return { environment, says: `the unit file ${unit}${file(own)}; it does not run`, running: readRunning(stateOf(environment, "/")), isShell: false };
}

function stateOf(environment: Environment, folder: string): string {
  return resolve(folder, textOf(table.stateDir, environment) ?? "");
}

function file(environment: Environment): string {
  const path = environment[table.envFile.name];
  return path === undefined || path === "" ? "" : `, ${path}`;
}

function sluiceOf(pairs: readonly (readonly [string, string?])[]): Environment {
  return Object.fromEntries(pairs.filter(([name]) => name.startsWith("SLUICE_")).map(([name, value]) => [name, value ?? ""]));
}

function harmlessOf(shell: Environment): Environment {
  return Object.fromEntries(Object.entries(shell).filter(([name, value]) => HARMLESS.has(name) && value !== undefined && value !== ""));
}
