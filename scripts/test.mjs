/**
 * `npm test`: installs and builds what is missing, then runs all tests that need nothing but this repository, or only the parts named after `--`.
 * `npm run test:peers` names the others: `services` and `interop`, which need programs of others, and `measured`, which needs a quiet machine.
 */
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { outOfDate } from "./lib/documents.mjs";
import { readCompliance, summary } from "./lib/compliance.mjs";
import { install } from "./lib/install.mjs";
import { fail, say, start } from "./lib/run.mjs";
import { vitest } from "./lib/vitest.mjs";

const OWN_PROJECTS = ["unit", "conformance", "integration"];
const PROJECTS = [...OWN_PROJECTS, "services", "interop", "measured"];
const OWN_PARTS = ["types", "lint", "native", ...OWN_PROJECTS];
const PARTS = [...new Set([...OWN_PARTS, ...PROJECTS])];

const named = process.argv.slice(2);
const unknown = named.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) {
  say(`unknown part ${unknown.join(", ")}; the parts are ${PARTS.join(", ")}`);
  process.exit(2);
}
const wants = (part) => (named.length === 0 ? OWN_PARTS : named).includes(part);

checkNode();
checkPlatform();
const stale = wants("lint") ? outOfDate() : [];
if (stale.length > 0) fail(`out of date, run npm run docs: ${stale.join(", ")}`);
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
if ((await start(process.execPath, ["scripts/build.mjs", "modules"], { shows: "at once" })) !== 0) process.exit(1);
await Promise.all(checking);
// The other tests wait now and then; core_test is compiled in that time.
const native = wants("native") ? start("nice", [process.execPath, "scripts/build.mjs", "native"], { shows: "at once" }).then((status) => status || coreTest()) : 0;

const projects = PROJECTS.filter(wants);
if (projects.length > 0) {
  attempt(projects.join(", "), await vitest(projects.flatMap((name) => ["--project", name])));
}
attempt("native", await native);
if (named.length === 0) say(summary(readCompliance()));
if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
