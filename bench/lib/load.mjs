/** Runs the load program on CPU 1 and returns the figures it prints, for each workload in turn. */
import { spawn } from "node:child_process";
import { fail } from "../../scripts/lib/run.mjs";
import { CORE_PORT, EDGE_PORT } from "./edges.mjs";
import { program } from "./tools.mjs";

/** Options as in native/bench/load.cc. */
export function runLoads(options) {
  const all = { edge: `127.0.0.1:${EDGE_PORT}`, core: `127.0.0.1:${CORE_PORT}`, ...options };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return new Promise((resolve) => {
    const child = spawn("taskset", ["-c", "1", program("load"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (data) => (text += data));
    child.on("error", (error) => fail(`cannot run the load program: ${error.message}`));
    child.on("close", (status) => resolve(status === 0 ? text.trim().split("\n").map((line) => JSON.parse(line)) : []));
  });
}

/** The same for a single workload; undefined: no figures. */
export async function runLoad(options) {
  return (await runLoads(options)).at(0);
}
