/** Runs the load program on CPU 1 and returns the figures it prints, for each workload in turn. */
import { spawn } from "node:child_process";
import { fail } from "../../scripts/lib/run.mjs";
import { CORE_PORT, EDGE_PORT } from "./edges.mjs";
import { program } from "./tools.mjs";

/** Options as in native/bench/load.cc. */
export function runLoads(options) {
  return runProgram("load", { edge: `127.0.0.1:${EDGE_PORT}`, core: `127.0.0.1:${CORE_PORT}`, ...options });
}

/** Runs a program of native/bench on CPU 1; what it printed, a JSON object a line. Empty: it failed. */
export function runProgram(name, options) {
  const args = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
  return new Promise((resolve) => {
    const child = spawn("taskset", ["-c", "1", program(name), ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (data) => (text += data));
    child.on("error", (error) => fail(`cannot run ${name}: ${error.message}`));
    child.on("close", (status) => resolve(status === 0 ? text.trim().split("\n").map((line) => JSON.parse(line)) : []));
  });
}

/** The same for a single workload; undefined: no figures. */
export async function runLoad(options) {
  return (await runLoads(options)).at(0);
}
