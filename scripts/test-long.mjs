/** `npm run test:long [SHARE]`: runs in full the tests that repeat something thousands of times; a SHARE of 0.3 runs three tenths of the repetitions. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, run } from "./lib/run.mjs";

const [share = "1"] = process.argv.slice(2);
prepare();
const files = readdirSync(join(ROOT, "test"), { recursive: true }).filter((name) => name.endsWith(".test.ts"));
const long = files.filter((name) => /\boften\(/.test(readFileSync(join(ROOT, "test", name), "utf8"))).map((name) => `test/${name}`);
process.exitCode = run(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...long], { env: { TEST_SHARE: share, TEST_PATIENCE: "2" } });
