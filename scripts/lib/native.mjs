/** Builds the addon and the C++ tests into build/Release, with cmake-js if CMake is present, else with node-gyp. */
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, fail, has, mustRun, outputOf, say, start } from "./run.mjs";
import { checkCompiler } from "./check.mjs";
import { newest, timeOf } from "./newest.mjs";

export const CORE_TEST = join(ROOT, "build/Release/core_test");
export const ADDON = join(ROOT, "build/Release/sluice.node");
const STAMP = join(ROOT, "build/Release/built-by");
/** CMake makes it once all is built that Node loads. */
const MODULES_BUILT = join(ROOT, "build/Release/modules-built");
const CPP = [".cc", ".h", ".def", ".txt", ".gyp"];

const JOBS = String(availableParallelism());
const LOOK_MS = 100;

/** Of which targets what is built consists: the addon alone, all that Node loads, or that and core_test. */
const TARGETS = { addon: ["sluice"], modules: ["sluice", "tls_test"], all: [] };

/** `gyp` insists on node-gyp. */
export function buildNative({ what = "addon", gyp = false } = {}) {
  const { tool, stamp, isFresh } = stateOf(what, gyp);
  if (isFresh) return;
  const started = begin(tool, stamp);
  if (tool === "cmake-js") cmakeJs({ out: "build", targets: TARGETS[what] });
  else nodeGyp(TARGETS[what]);
  const at = (built, before = 0) => (built ? started : before);
  writeStamp({ tool, addon: started, modules: at(what !== "addon", stamp.modules), tests: at(what === "all", stamp.tests) });
}

/** Builds all, and notes when that is done which Node loads, for those who can start while core_test is still being compiled. */
export async function buildNativeInSteps() {
  const { tool, stamp, isFresh } = stateOf("all");
  if (isFresh) return;
  if (tool !== "cmake-js") {
    buildNative({ what: "modules" });
    buildNative({ what: "all" });
    return;
  }
  const started = begin(tool, stamp);
  rmSync(MODULES_BUILT, { force: true });
  let status;
  const building = start(process.execPath, cmakeJsArguments({ out: "build" }), { env: headerEnvironment() }).then((code) => (status = code));
  while (status === undefined && !existsSync(MODULES_BUILT)) await sleep(LOOK_MS);
  if (existsSync(MODULES_BUILT)) writeStamp({ tool, addon: started, modules: started, tests: stamp.tests });
  await building;
  if (status !== 0) fail(`the C++ build failed (status ${status})`);
  writeStamp({ tool, addon: started, modules: started, tests: started });
}

/** Resolves once all that Node loads is built, or with false if that ends before. */
export async function modulesBuilt(building) {
  const { suffices } = stateOf("modules");
  let hasEnded = false;
  const ended = building.then(() => (hasEnded = true));
  while (!hasEnded && !suffices(readStamp())) await Promise.race([ended, sleep(LOOK_MS)]);
  return suffices(readStamp());
}

/** What is built of `what`, and whether a stamp says that it is as new as its sources. */
function stateOf(what, gyp = false) {
  const tool = gyp || !has("cmake") ? "node-gyp" : "cmake-js";
  const sources = newest(
    [join(ROOT, "native/core"), join(ROOT, "native/addon"), join(ROOT, "native/keeper"), join(ROOT, "native/tls"), ...["sources.txt", "tests.txt", "CMakeLists.txt"].map((name) => join(ROOT, "native", name)), join(ROOT, "binding.gyp")],
    CPP,
  );
  const tests = newest(["test", "tls_test", "bench"].map((folder) => join(ROOT, "native", folder)), CPP);
  const reaches = (built) => what === "addon" || built >= Math.max(sources, tests);
  const isOurs = (stamp) => stamp.tool === tool || (!gyp && stamp.tool !== undefined);
  const suffices = (stamp) => isOurs(stamp) && existsSync(ADDON) && stamp.addon >= sources && reaches(what === "all" ? stamp.tests : stamp.modules);
  const stamp = readStamp();
  return { tool, stamp, suffices, isFresh: suffices(stamp) };
}

/** Returns when it began: what changes later is not in it. */
function begin(tool, stamp) {
  checkCompiler(tool);
  // The two tools put different makefiles in the same folder.
  if (stamp.tool !== undefined && stamp.tool !== tool) rmSync(join(ROOT, "build"), { recursive: true, force: true });
  say(`building the C++ addon with ${tool} …`);
  return Date.now();
}

/** Runs cmake-js into any folder, with any further settings of native/CMakeLists.txt. Without `targets` it builds all. */
export function cmakeJs(what) {
  mustRun("the C++ build", process.execPath, cmakeJsArguments(what), { env: headerEnvironment(), quiet: true });
}

function cmakeJsArguments({ out, targets = [], settings = {} }) {
  const args = ["node_modules/cmake-js/bin/cmake-js", "build", "-d", "native", "-O", out, "--prefer-make", "--parallel", JOBS, "--log-level", "error"];
  // It takes one only.
  if (targets.length > 0) args.push("--target", targets.length > 1 ? "modules" : targets[0]);
  for (const [name, value] of Object.entries(settings)) args.push(`--CD${name}=${value}`);
  return args;
}

/** Plain CMake, for what does not need Node: benchmarks, fuzzers, C++ tests. */
export function cmake({ out, target, settings = {}, env = {} }) {
  if (!has("cmake")) fail("cmake is missing: apt-get install -y cmake");
  const define = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  mustRun("cmake", "cmake", ["-S", "native", "-B", out, ...define], { env, quiet: true });
  mustRun("the C++ build", "cmake", ["--build", out, "--parallel", JOBS, ...(target ? ["--target", target] : [])], { quiet: true });
}

function nodeGyp(targets) {
  const tool = [findNodeGyp()];
  const options = { env: headerEnvironment(), quiet: true };
  mustRun("node-gyp configure", process.execPath, [...tool, "configure", "--loglevel=error"], options);
  mustRun("the C++ build", process.execPath, [...tool, "build", ...targets, "--jobs", JOBS, "--loglevel=error"], options);
}

/** npm includes node-gyp but does not put it on the PATH. */
function findNodeGyp() {
  const npm = process.env.npm_execpath ?? outputOf("sh", ["-c", "command -v npm"]);
  const beside = npm === undefined ? [] : [join(dirname(realpathSync(npm)), "..")];
  const homes = [...beside, join(dirname(process.execPath), "../lib/node_modules/npm"), "/usr/share/nodejs"];
  const found = homes.map((home) => join(home, "node_modules/node-gyp/bin/node-gyp.js")).find((path) => existsSync(path));
  if (found === undefined) fail("neither cmake nor npm's node-gyp is installed: apt-get install -y cmake");
  return found;
}

/** Points both tools to the headers that came with this Node; without them, both would download headers. */
function headerEnvironment() {
  const prefixes = [process.env.npm_config_nodedir, join(dirname(process.execPath), "..")];
  const prefix = prefixes.find((path) => path && existsSync(join(path, "include/node/uv.h")));
  return prefix === undefined ? {} : { npm_config_nodedir: prefix };
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, "utf8"));
  } catch {
    return { tool: existsSync(join(ROOT, "build/config.gypi")) ? "node-gyp" : undefined, addon: 0, modules: 0, tests: 0 };
  }
}

function writeStamp(stamp) {
  if (timeOf(ADDON) === 0) fail(`the C++ build did not produce ${ADDON}`);
  mkdirSync(dirname(STAMP), { recursive: true });
  // Others may read it at any time.
  writeFileSync(`${STAMP}.draft`, JSON.stringify(stamp));
  renameSync(`${STAMP}.draft`, STAMP);
}
