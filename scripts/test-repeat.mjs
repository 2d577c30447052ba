/** `npm run test:repeat -- N [FILE…]`: runs every test N times, say overnight; lists at the end what failed and in how many rounds. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, fail, run, say } from "./lib/run.mjs";

const [count = "10", ...files] = process.argv.slice(2);
const rounds = Number(count);
if (!Number.isInteger(rounds) || rounds < 1) fail("how often? npm run test:repeat -- 10 [FILE…]");
prepare();

const folder = mkdtempSync(join(tmpdir(), "sluice-repeat-"));
const report = join(folder, "report.json");
const failures = new Map();
for (let round = 1; round <= rounds; round += 1) {
  run(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "--reporter=json", `--outputFile=${report}`, ...files], { quiet: false });
  const names = failed(JSON.parse(readFileSync(report, "utf8")));
  say(`round ${round} of ${rounds}: ${names.length === 0 ? "all passed" : `${names.length} failed`}`);
  for (const name of names) failures.set(name, (failures.get(name) ?? 0) + 1);
}
rmSync(folder, { recursive: true });
for (const [name, times] of [...failures].sort(([, a], [, b]) => b - a)) say(`failed in ${times} of ${rounds} rounds: ${name}`);
process.exitCode = failures.size > 0 ? 1 : 0;

function failed({ testResults }) {
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const file = relative(ROOT, name);
    const tests = assertionResults.filter((one) => one.status === "failed").map(({ fullName }) => `${file}: ${fullName}`);
    return tests.length === 0 && status === "failed" ? [file] : tests;
  });
}
