/** `npm run fuzz`: builds every libFuzzer target, replays its seeds and old crashers, then fuzzes them, one per core at a time; then the TypeScript targets in test/fuzz: node scripts/fuzz.mjs [SECONDS] [TARGET…] */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { checkNode } from "./lib/check.mjs";
import { cmake } from "./lib/native.mjs";
import { ROOT, fail, has, say, start } from "./lib/run.mjs";

const words = process.argv.slice(2);
const seconds = words.find((word) => /^\d+$/.test(word)) ?? "20";
const named = words.filter((word) => word !== seconds);

checkNode();
const scripted = readdirSync(join(ROOT, "test/fuzz"))
  .map((file) => /^(\w[\w-]*)\.test\.ts$/.exec(file)?.[1])
  .filter((name) => name !== undefined && (named.length === 0 || named.includes(name)));
if (!has("clang++")) fail("clang is missing: apt-get install -y clang libclang-rt-14-dev");
const targets = readdirSync(join(ROOT, "native/fuzz"))
  .map((file) => /^fuzz_(\w+)\.cc$/.exec(file)?.[1])
  .filter((name) => name !== undefined && (named.length === 0 || named.includes(name)));
if (targets.length + scripted.length === 0) fail(`no fuzz target ${named.join(", ")}`);
if (targets.length > 0) {
  say(`building the fuzz targets ${targets.join(", ")} …`);
  const compilers = { CMAKE_CXX_COMPILER: "clang++" };
  cmake({ out: "build/fuzz", target: "fuzzers", settings: compilers });
}

const waiting = [...targets];
const failed = [];
const lane = async () => {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) if (!(await fuzz(name))) failed.push(name);
};
await Promise.all(Array.from({ length: availableParallelism() }, lane));
if (failed.length > 0) fail(`faults found by ${failed.join(", ")}; the inputs are in native/fuzz/crashers/`);
if (scripted.length > 0) {
  if ((await start(process.execPath, ["scripts/build.mjs"])) !== 0) process.exit(1);
  say(`${scripted.join(", ")}: fuzzing ${seconds} s`);
  process.env.FUZZ_SECONDS = seconds;
  const files = scripted.map((name) => `test/fuzz/${name}.test.ts`);
  if ((await start(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "--project", "fuzz", ...files], { shows: "at once" })) !== 0) fail("fault found; FUZZ_SEED from the report reproduces it");
}
say(`no faults in ${targets.length + scripted.length} targets, ${seconds} s each`);

async function fuzz(name) {
  const binary = join(ROOT, "build/fuzz", `fuzz_${name}`);
  const crashers = join(ROOT, "native/fuzz/crashers", name);
  const corpus = join(ROOT, "build/fuzz/corpus", name);
  for (const folder of [crashers, corpus]) mkdirSync(folder, { recursive: true });
  const seeds = [join(ROOT, "native/fuzz/seeds", name), crashers].filter((folder) => existsSync(folder));
  const inputs = seeds.flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)));
  if (inputs.length > 0 && (await start(binary, inputs)) !== 0) return false;
  const dictionary = join(ROOT, "native/fuzz/sip.dict");
  const options = [`-max_total_time=${seconds}`, "-timeout=5", "-rss_limit_mb=1024", `-artifact_prefix=${crashers}/`, "-print_final_stats=0", "-verbosity=0"];
  if (existsSync(dictionary)) options.push(`-dict=${dictionary}`);
  say(`${name}: ${inputs.length} seeds replayed, fuzzing ${seconds} s`);
  return (await start(binary, [...options, corpus, ...seeds])) === 0;
}
