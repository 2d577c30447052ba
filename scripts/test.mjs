/** `npm test`: installs and builds what is missing, then runs every test, or only the parts named after `--`. */
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { readCompliance, summary } from "./lib/compliance.mjs";
import { install } from "./lib/install.mjs";
import { run, say, start } from "./lib/run.mjs";
import { missingTools, testsThatNeed } from "./lib/tools.mjs";

const PROJECTS = ["unit", "conformance", "integration", "interop", "measured"];
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
  ["lint", "node_modules/eslint/bin/eslint.js", "--cache", "--cache-location", "build/eslint-cache", "."],
].filter(([part]) => wants(part));
const checking = checks.map(async ([part, ...args]) => attempt(part, await node(...args)));
if ((await start(process.execPath, ["scripts/build.mjs"], { aloud: true })) !== 0) process.exit(1);
await Promise.all(checking);
if (wants("native")) attempt("native", coreTest());

const projects = PROJECTS.filter(wants);
if (projects.length > 0) {
  const missing = projects.includes("interop") ? missingTools() : [];
  const without = testsThatNeed(missing).flatMap((file) => ["--exclude", file]);
  attempt("vitest", run(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "--passWithNoTests", ...projects.flatMap((name) => ["--project", name]), ...without]));
  // Reported last, where people see it. The rest of the run still counts without them, except in CI, which must have everything.
  for (const { name, packages } of missing) say(`${name} is missing, so its interop tests did not run: apt-get install -y ${packages}`);
  if (missing.length > 0 && process.env.CI === "true") failed.push("interop");
}

if (named.length === 0) say(summary(readCompliance()));
if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
