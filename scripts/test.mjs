/**
 * `npm test`: installs and builds what is missing, then runs all tests that need nothing but this repository, or only the parts named after `--`.
 * `npm run test:peers` names the others: `services` and `interop`, which need programs of others, and `measured`, which needs a quiet machine.
 */
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { outOfDate } from "./lib/documents.mjs";
import { readCompliance, summary } from "./lib/compliance.mjs";
import { install } from "./lib/install.mjs";
import { writeLayout } from "./lib/layout.mjs";
import { buildNative, modulesBuilt } from "./lib/native.mjs";
import { fail, say, start } from "./lib/run.mjs";
import { buildTypescript } from "./lib/typescript.mjs";
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
// Everyone waits for what Node loads, so the static checks, which need no build, leave it the processors.
const checks = [
  ["types", "node_modules/typescript/bin/tsc", "--noEmit", "--incremental", "--tsBuildInfoFile", "build/types.tsbuildinfo"],
  ["lint", "scripts/rooms.mjs"],
  ["lint", "node_modules/oxlint/bin/oxlint"],
].filter(([part]) => wants(part));
writeLayout();
const projects = PROJECTS.filter(wants);
const checking = checks.map(async ([part, ...args]) => attempt(part, await start("nice", [process.execPath, ...args])));
let native;
if (wants("native")) {
  // core_test is compiled last, while the others run.
  const building = start(process.execPath, ["scripts/build.mjs", "native"], { shows: "at once" });
  if (!(await modulesBuilt(building))) process.exit(1);
  native = building.then((status) => status || coreTest());
} else if (projects.length > 0) buildNative({ what: "modules" });

if (projects.length > 0) {
  buildTypescript();
  attempt(projects.join(", "), await vitest(projects.flatMap((name) => ["--project", name])));
}
attempt("native", (await native) ?? 0);
await Promise.all(checking);
if (named.length === 0) say(summary(readCompliance()));
if (failed.length > 0) say(`failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;
