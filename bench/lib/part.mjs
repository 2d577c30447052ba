/** Runs one benchmark from within another, with its own output and result file. */
import { join } from "node:path";
import { ROOT, mustRun } from "../../scripts/lib/run.mjs";

export function bench(name, ...args) {
  mustRun(`bench ${name}`, process.execPath, [join(ROOT, "bench", `${name}.mjs`), ...args]);
}
