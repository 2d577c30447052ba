/**
 * `npm run coverage [PART…]`: how much of native/core the C++ tests alone cover, by room; fails if a room is below its bound. For each file
 * whose path contains a PART it lists the lines that nothing ran.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { checkNode } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { cmake } from "./lib/native.mjs";
import { ROOT, fail, has, say } from "./lib/run.mjs";

const BOUND = 90;
const OUT = join(ROOT, "build/coverage");
const CORE = join(ROOT, "native/core");
const named = process.argv.slice(2);

checkNode();
if (!has("gcov")) fail("gcov is missing: apt-get install -y g++");
say("building the C++ tests for coverage …");
cmake({ out: OUT, target: "core_test", settings: { CMAKE_BUILD_TYPE: "Debug", COVERAGE: "ON" } });
const counts = () => readdirSync(OUT, { recursive: true }).filter((name) => name.endsWith(".gcda"));
for (const old of counts()) rmSync(join(OUT, old));
if ((await coreTest(join(OUT, "Release/core_test"))) !== 0) fail("the C++ tests failed");

/** How often each line of each file ran: the sum over all files that include it. */
const files = new Map();
const read = spawnSync("gcov", ["--json-format", "--stdout", ...counts()], { cwd: OUT, encoding: "utf8", maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "ignore"] });
if (read.status !== 0) fail("gcov cannot read the data of the tests: rm -r build/coverage");
for (const report of read.stdout.split("\n").filter((line) => line.startsWith("{"))) {
  const { current_working_directory: folder, files: sources } = JSON.parse(report);
  for (const { file, lines } of sources) {
    const path = relative(CORE, join(file.startsWith("/") ? "/" : folder, file));
    if (path.startsWith("..")) continue;
    const ran = files.get(path) ?? new Map();
    files.set(path, ran);
    for (const { line_number: line, count } of lines) ran.set(line, (ran.get(line) ?? 0) + count);
  }
}

const rooms = new Map();
for (const [path, ran] of [...files].sort(([one], [other]) => (one < other ? -1 : 1))) {
  const room = rooms.get(path.split("/")[0]) ?? { lines: 0, covered: 0 };
  rooms.set(path.split("/")[0], room);
  const missed = [...ran].filter(([, count]) => count === 0).map(([line]) => line);
  room.lines += ran.size;
  room.covered += ran.size - missed.length;
  if (missed.length > 0 && named.some((part) => path.includes(part))) console.log(`${path}: ${ranges(missed.sort((one, other) => one - other))}`);
}

const percent = ({ lines, covered }) => (100 * covered) / lines;
console.log("room         lines  covered");
for (const [name, room] of rooms) console.log(`${name.padEnd(10)} ${String(room.lines).padStart(7)} ${percent(room).toFixed(1).padStart(7)} %`);
const under = [...rooms].filter(([, room]) => percent(room) < BOUND).map(([name]) => name);
if (under.length > 0) fail(`under ${BOUND} %: ${under.join(", ")}; npm run coverage -- ${under[0]}/ names the lines`);

/** 3, 4, 5, 9 as "3-5 9". */
function ranges(lines) {
  const found = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === line - 1) last[1] = line;
    else found.push([line, line]);
  }
  return found.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(" ");
}
