/**
 * `npm run test:long [SHARE]`: runs in full the tests that repeat something thousands of times; a SHARE of 0.3 runs three tenths of the repetitions. Then
 * those of registrar, home proxy and standalone run once more with every request on the object path (SLUICE_FAST_PATH=off).
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, run } from "./lib/run.mjs";

const [share = "1"] = process.argv.slice(2);
prepare();
const files = readdirSync(join(ROOT, "test"), { recursive: true }).filter((name) => name.endsWith(".test.ts"));
const long = files.filter((name) => /\boften\(/.test(readFileSync(join(ROOT, "test", name), "utf8"))).map((name) => `test/${name}`);
const vitest = (names, env) => run(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...names], { env: { TEST_PATIENCE: "2", ...env } });
// All that start a home server and look at what is answered and sent, whichever path does it.
const ofBothPaths = files
  .filter((name) => /^(integration|services|conformance)/.test(name))
  .map((name) => `test/${name}`)
  .filter((name) => /\bHome\b|SLUICE_MODE/.test(readFileSync(join(ROOT, name), "utf8")) && !/path="|\bnumbers\b/.test(readFileSync(join(ROOT, name), "utf8")));
process.exitCode = vitest(long, { TEST_SHARE: share }) || vitest(ofBothPaths, { TEST_PATH: "objects" });
