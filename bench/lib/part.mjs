/** One bench within another, with its output and its own result file. */
import { join } from "node:path";
import { ROOT, mustRun } from "../../scripts/lib/run.mjs";

export function bench(name, ...args) {
  mustRun(`bench ${name}`, process.execPath, [join(ROOT, "bench", `${name}.mjs`), ...args]);
}
