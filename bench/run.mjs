/** `npm run bench -- NAME [options]`: the entry point of all benchmarks. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT, become, fail, mustRun } from "../scripts/lib/run.mjs";

const [name = "edge", ...rest] = process.argv.slice(2);
const BENCHES = readdirSync(join(ROOT, "bench"))
  .filter((file) => file.endsWith(".mjs") && file !== "run.mjs")
  .map((file) => file.slice(0, -4));
const script = join(ROOT, "bench", `${name}.mjs`);
if (!BENCHES.includes(name)) fail(`unknown benchmark ${name}; the benchmarks are ${BENCHES.join(", ")}`);
// Does nothing if everything is built.
mustRun("the build", process.execPath, [join(ROOT, "scripts/build.mjs")]);
become(process.execPath, [script, ...rest]);
