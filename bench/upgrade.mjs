/**
 * Upgrades in a row under load: does every flow live on, is a message lost or doubled, how long does a shard stand still, and what do two
 * processes need at the peak? The same load runs once without an upgrade, to tell the machine's own pauses from ours. A hundred calls are up
 * all the time and end afterwards. "mixed": a fifth of the flows over each transport.
 * `npm run bench -- upgrade [--legs mixed-udp,tcp-udp] [--flows 15000] [--rate 2500] [--times 10] [--workload hostile] [--back FOLDER]`
 * With --back, a checkout of the version before that is built, there is one more upgrade to that version and one back to this one. With --calm off
 * the run without an upgrade is left out. After each upgrade what is known so far is printed and saved, so a run that is cut short is not lost.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT } from "../scripts/lib/run.mjs";
import { DEFAULTS, legsThere, loadOptionsOf, optionsOver } from "./lib/compare.mjs";
import { sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { startLoad } from "./lib/load.mjs";
import { familyOf, memoryOf } from "./lib/process-family.mjs";
import { save } from "./lib/results.mjs";
import { OUT } from "./lib/tools.mjs";

const TAKEN = "upgrade: another process has taken over";
const STEPS = "upgrade: milliseconds from when the first shard stopped";
/** Of a stop, between two of these steps: its name, and the step that ends it. */
const STAGES = { stops: "stopped", "waits for the others": "allStopped", "last changes": "commonsSent", image: "written", sends: "sent", "on the way": "arrived", "takes over": "taken", "waits again": "allTaken" };
const OVER = /all is handed over|the upgrade failed|upgrade refused/;
/** Between the end of one upgrade and the beginning of the next. */
const PAUSE_MS = 300;
/** The load ends after the last upgrade; by itself only if one hangs. */
const LONGEST_SECONDS = 60;
const CALM_SECONDS = 12;
const LOOK_MS = 50;
/** At memory and descriptors, which takes the kernel some ten milliseconds of a processor; both processes live for two seconds. */
const COUNT_MS = 500;
/** The load tells so often what it has counted, from when all are registered and the calls are up. */
const PROGRESS_SECONDS = 0.2;
const SETTLED_SECONDS = 1.5;
/** Leads to the version that the next process is of. */
const CURRENT = join(OUT, "current");

const args = optionsOver({ legs: "mixed-udp", flows: "15000", rate: "2500", times: "10", hold: "100", workload: "mixed", shards: "2", back: "", calm: "on", out: "upgrade" });
/** The folder of the version that each upgrade leads to. */
const targets = [...Array.from({ length: Number(args.times) }, () => ROOT), ...(args.back === "" ? [] : [resolve(args.back), ROOT])];
const results = [];
mkdirSync(OUT, { recursive: true });
for (const legs of legsThere(args.legs)) {
  const calm = args.calm === "off" ? {} : await run(legs, []);
  const upgraded = await run(legs, targets);
  if (calm !== undefined && upgraded !== undefined) results.push({ legs, calm, upgraded });
}
const header = ["legs", "upgrades", "flows lost", "messages lost", "doubled or wrong", "calls up", "p50 ms", "p99 ms", "longest ms", "without ms", "stop ms, median", "most", "MiB", "at the peak", "descriptors", "at the peak"];
const rows = results.map(({ legs, calm, upgraded }) => {
  const stops = upgraded.upgrades.map(({ stoppedMs }) => stoppedMs).sort((a, b) => a - b);
  const ms = (us) => fixed(us / 1_000);
  return [legs, `${stops.length} of ${targets.length}`, upgraded.closed, upgraded.lost, upgraded.mismatched, upgraded.held, ms(upgraded.p50_us), ms(upgraded.p99_us), ms(upgraded.max_us), ms(calm.max_us), fixed(median(stops)), fixed(stops.at(-1)), mib(upgraded.before), mib(upgraded.peak), upgraded.descriptorsBefore, upgraded.descriptorsPeak];
});
console.log(`\n${args.flows} flows, ${args.rate} exchanges a second, ${targets.length} upgrades in a row\n${table(header, rows)}`);
for (const { legs, upgraded } of results) {
  const all = upgraded.steps.flatMap((steps) => stagesOf(steps)).flat();
  const stages = Object.keys(STAGES).map((name) => [name, all.filter((one) => one.name === name).map(({ ms }) => ms).sort((a, b) => a - b)]);
  console.log(`\n${legs}: stages of all stops, ms\n${table(["stage", "median", "most"], stages.map(([name, ms]) => [name, fixed(median(ms)), fixed(ms.at(-1) ?? NaN)]))}`);
}
save(args.out, { settings: args, results });
process.exitCode = results.every(({ upgraded }) => upgraded.closed + upgraded.lost + upgraded.mismatched === 0 && upgraded.upgrades.length === targets.length && upgraded.held === Number(args.hold)) ? 0 : 1;

async function run(legs, upgrades) {
  const [client, core] = legs.split("-");
  const env = { ...sluiceEnvironment(client, core, args.shards), SLUICE_LOG_LEVEL: "debug" };
  lead(ROOT);
  const edge = await startPinned("sluice", process.execPath, [join(CURRENT, "dist/main.js")], env, client, "ignore", "0,1");
  const seen = { before: 0, peak: 0, descriptorsBefore: 0, descriptorsPeak: 0 };
  let isOver = false;
  // A request is lost when nobody has answered it for so long.
  let soFar;
  const seconds = upgrades.length === 0 ? CALM_SECONDS : (upgrades.length + 1) * LONGEST_SECONDS;
  const options = loadOptionsOf({ ...DEFAULTS, flows: args.flows, rate: args.rate, hold: args.hold, sleep: "1", "timeout-ms": "8000", seconds: String(seconds) });
  const { figures: load, end } = startLoad({ ...options, workload: args.workload, client, "core-leg": core, pid: edge.pid, progress: PROGRESS_SECONDS }, (figures) => (soFar = figures));
  void load.finally(() => (isOver = true));
  const watch = (async () => {
    for (; !isOver; await sleep(COUNT_MS)) look(edge.pid, seen);
  })();
  while (!isOver && !(soFar?.seconds >= SETTLED_SECONDS)) await sleep(LOOK_MS);
  Object.assign(seen, { before: seen.peak, descriptorsBefore: seen.descriptorsPeak });
  for (const [time, folder] of upgrades.entries()) {
    if (isOver) break;
    lead(folder);
    edge.child.kill("SIGUSR2");
    while (!isOver && lines(edge.log, OVER).length <= time) await sleep(LOOK_MS);
    await sleep(PAUSE_MS);
    const now = { ...seen, ...soFar, ...upgradesIn(edge.log) };
    const [taken, steps] = [now.upgrades.at(time), now.steps[time] ?? {}];
    console.log(`upgrade ${time + 1} of ${upgrades.length}: ${taken === undefined ? "did not happen" : `${fixed(taken.stoppedMs)} ms`}; so far lost ${soFar.lost}, wrong ${soFar.mismatched}, flows closed ${soFar.closed}, calls up ${soFar.held}`);
    for (const [shard, stages] of stagesOf(steps).entries()) console.log(`  shard ${shard}, ms: ${stages.map(({ name, ms, work }) => `${name} ${fixed(ms)}${work === undefined ? "" : ` (works ${fixed(work)})`}`).join(", ")}`);
    save(args.out, { settings: args, results, unfinished: { legs, ...now } });
  }
  if (upgrades.length > 0) end();
  const figures = await load;
  await watch;
  const all = upgradesIn(edge.log);
  await edge.stop();
  return figures && { ...figures, ...seen, ...all };
}

function upgradesIn(log) {
  const [upgrades, steps] = [TAKEN, STEPS].map((words) => lines(log, words).map((line) => JSON.parse(line)));
  return { upgrades, steps: steps.map(({ shards, cpu }) => ({ shards, cpu })) };
}

/** How long each stage of a stop took, of each shard, and how much of that its thread worked: the rest it waited for others, or for a processor. */
function stagesOf({ shards = [], cpu = [] }) {
  return shards.map((steps, shard) => {
    let [before, worked] = [0, 0];
    return Object.entries(STAGES).flatMap(([name, step]) => {
      if (steps[step] === undefined) return [];
      const ms = steps[step] - before;
      before = steps[step];
      const work = cpu[shard]?.[step];
      // The other process counts its own work from the last pieces that came ahead of the stop.
      const own = work === undefined ? undefined : step === "arrived" ? work : work - worked;
      worked = work ?? worked;
      return [{ name, ms, work: own }];
    });
  });
}

function lead(folder) {
  rmSync(CURRENT, { force: true });
  symlinkSync(folder, CURRENT);
}

function look(pid, seen) {
  seen.peak = Math.max(seen.peak, memoryOf(pid));
  seen.descriptorsPeak = Math.max(seen.descriptorsPeak, descriptorsOf(pid));
}

/** Of the process and of those that it started. */
function descriptorsOf(pid) {
  return familyOf(pid).reduce((sum, one) => sum + entries(`/proc/${one}/fd`), 0);
}

function entries(folder) {
  try {
    return readdirSync(folder).length;
  } catch {
    // It has just ended.
    return 0;
  }
}

function lines(file, words) {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => (typeof words === "string" ? line.includes(words) : words.test(line)));
}

function mib(kib) {
  return fixed(kib / 1_024, 0);
}
