/** Runs other programs for the scripts: their output is ours, and a failure ends the script with one line. */
import { spawn, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Ends the script because something it needs is missing or has failed. */
export function fail(line) {
  process.stderr.write(`sluice: ${line}\n`);
  process.exit(1);
}

export function say(line) {
  process.stderr.write(`sluice: ${line}\n`);
}

/** Runs a program and returns its exit status; `quiet` shows its output only if it fails. */
export function run(command, args, { env = {}, cwd = ROOT, quiet = false } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: quiet ? ["ignore", "pipe", "pipe"] : "inherit",
    maxBuffer: 1 << 28,
  });
  if (result.error) fail(`cannot run ${command}: ${result.error.message}`);
  if (quiet && result.status !== 0) {
    process.stderr.write(result.stdout);
    process.stderr.write(result.stderr);
  }
  return result.status ?? 1;
}

/** Runs a program alongside others. Shows its output "at once", or in one piece "at the end" or only "if it fails". */
export function start(command, args, { env = {}, cwd = ROOT, shows = "if it fails" } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: shows === "at once" ? "inherit" : ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece) => (output += piece));
  return new Promise((resolve) => {
    child.on("error", (error) => fail(`cannot run ${command}: ${error.message}`));
    child.on("close", (code) => {
      if (code !== 0 || shows === "at the end") process.stderr.write(output);
      resolve(code ?? 1);
    });
  });
}

export function mustRun(what, command, args, options) {
  const status = run(command, args, options);
  if (status !== 0) fail(`${what} failed (status ${status})`);
}

/** What a program prints, or undefined if it does not exist or fails. */
export function outputOf(command, args) {
  const result = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  return result.status === 0 ? result.stdout.trim() : undefined;
}

export function has(command) {
  return outputOf("sh", ["-c", 'command -v "$1"', "sh", command]) !== undefined;
}

/**
 * This process continues as that program (execve(2)), so that no process in between can lose signals. A process started by npm gets SIGTERM
 * when npm ends, however that happens; others may outlive their shell.
 */
export function become(program, args, env = {}) {
  const { become: execute } = createRequire(import.meta.url)("../../build/Release/sluice.node");
  const environment = Object.entries({ ...process.env, ...env }).map(([name, value]) => `${name}=${value}`);
  process.chdir(ROOT);
  const errno = execute(program, [program, ...args], environment, process.env.npm_lifecycle_event !== undefined);
  fail(`cannot run ${program}: ${getSystemErrorName(-errno)}`);
}
