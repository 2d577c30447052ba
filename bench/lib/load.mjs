/** Runs the load program on CPU 1 and returns the figures it prints, for each workload in turn. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fail } from "../../scripts/lib/run.mjs";
import { CORE_PORT, EDGE_PORT } from "./edges.mjs";
import { program } from "./tools.mjs";

const PLACES = { edge: `127.0.0.1:${EDGE_PORT}`, core: `127.0.0.1:${CORE_PORT}` };

/** Options as in native/bench/load.cc. */
export function runLoads(options) {
  return runProgram("load", { ...PLACES, ...options });
}

/** Runs a program of native/bench on CPU 1; what it printed, a JSON object a line. Empty: it failed. */
export function runProgram(name, options) {
  return startProgram(name, options).figures;
}

/** The same, while it runs: `figures` to come, and `end()`, which has the workload end now. `tell` hears what is known so far (option `progress`). */
export function startProgram(name, options, tell = () => undefined) {
  const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
  const child = spawn("taskset", ["-c", "1", program(name), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const results = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const figures = JSON.parse(line);
    if (figures.workload === "progress") tell(figures);
    else results.push(figures);
  });
  child.on("error", (error) => fail(`cannot run ${name}: ${error.message}`));
  return { figures: new Promise((resolve) => child.on("close", (status) => resolve(status === 0 ? results : []))), end: () => child.kill("SIGTERM") };
}

/** The load for a single workload, while it runs. */
export function startLoad(options, tell) {
  const { figures, end } = startProgram("load", { ...PLACES, ...options }, tell);
  return { figures: figures.then((all) => all.at(0)), end };
}

/** The same for a single workload; undefined: no figures. */
export async function runLoad(options) {
  return (await runLoads(options)).at(0);
}
