/** `npm test`: installs and builds what is missing, then runs every test, or only the parts named after `--`. */
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { readCompliance, summary } from "./lib/compliance.mjs";
import { install } from "./lib/install.mjs";
import { say, start } from "./lib/run.mjs";
import { missingTools, testsThatNeed } from "./lib/tools.mjs";

/** Other people's phones mostly wait, so they run beside our own tests, and before them when both want a core: their deadlines are not ours to extend. What measures a time runs alone. */
const ROUNDS = [[["unit", "conformance", "integration"], ["interop"]], [["measured"]]];
const PROJECTS = ROUNDS.flat(2);
const PARTS = ["types", "lint", "native", ...PROJECTS];

const named = process.argv.slice(2);
const unknown = named.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) {
  say(`unknown part ${unknown.join(", ")}; the parts are ${PARTS.join(", ")}`);
  process.exit(2);
}
const wants = (part) => named.length === 0 || named.includes(part);

checkNode();
checkPlatform();
install();
const failed = [];
const attempt = (part, status) => {
  if (status !== 0) failed.push(part);
};
const node = (...args) => start(process.execPath, args);

// The static checks need no build, so they run alongside the compilers.
const checks = [
  ["types", "node_modules/typescript/bin/tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", "build/types.tsbuildinfo"],
  ["lint", "scripts/rooms.mjs"],
  ["lint", "node_modules/oxlint/bin/oxlint"],
].filter(([part]) => wants(part));
const checking = checks.map(async ([part, ...args]) => attempt(part, await node(...args)));
if ((await start(process.execPath, ["scripts/build.mjs"], { shows: "at once" })) !== 0) process.exit(1);
await Promise.all(checking);
if (wants("native")) attempt("native", coreTest());

const missing = wants("interop") ? missingTools() : [];
const without = testsThatNeed(missing).flatMap((file) => ["--exclude", file]);
for (const round of ROUNDS) {
  const lanes = round.map((lane) => lane.filter(wants)).filter((lane) => lane.length > 0);
  await Promise.all(
    lanes.map(async (lane, at) => {
      const patiently = at === 0 && lanes.length > 1 ? ["-n", "10"] : ["-n", "0"];
      const args = [...patiently, process.execPath, "node_modules/vitest/vitest.mjs", "run", "--passWithNoTests", ...lane.flatMap((name) => ["--project", name]), ...without];
      attempt(lane.join(", "), await start("nice", args, { env: { TEST_LANE: String(at) }, shows: at === 0 ? "at once" : "at the end" }));
    }),
  );
}
// Reported last, where people see it. The rest of the run still counts without them, except in CI, which must have everything.
for (const { name, packages } of missing) say(`${name} is missing, so its interop tests did not run: apt-get install -y ${packages}`);
if (missing.length > 0 && process.env.CI === "true") failed.push("interop");

if (named.length === 0) say(summary(readCompliance()));
if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
