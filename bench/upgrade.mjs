/**
 * Upgrades in a row under load: does every flow live on, is a message lost or doubled, how long does a shard stand still, and what do two
 * processes need at the peak? The same load runs once without an upgrade, to tell the machine's own pauses from ours.
 * `npm run bench -- upgrade [--legs tcp-udp,ws-udp,tls-udp,wss-udp,udp-udp] [--flows 15000] [--rate 5000] [--times 10] [--workload hostile]`
 */
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULTS, legsThere, optionsOver } from "./lib/compare.mjs";
import { SLUICE_MAIN, sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { runLoad } from "./lib/load.mjs";
import { familyOf, memoryOf } from "./lib/process-family.mjs";
import { save } from "./lib/results.mjs";
import { OUT } from "./lib/tools.mjs";

const TAKEN = "upgrade: another process has taken over";
const OVER = "all is handed over";
/** Between the end of one upgrade and the beginning of the next. */
const PAUSE_MS = 300;
/** What an upgrade takes at least: the old process holds everything for two seconds. */
const USUAL_SECONDS = 6;
const LOOK_MS = 50;

const args = optionsOver({ legs: "udp-udp,tcp-udp,ws-udp,tls-udp,wss-udp", flows: "15000", rate: "2500", times: "10", workload: "mixed", shards: "2", out: "upgrade" });
const times = Number(args.times);
const results = [];
mkdirSync(OUT, { recursive: true });
for (const legs of legsThere(args.legs)) {
  const calm = await run(legs, 0);
  const upgraded = await run(legs, times);
  if (calm !== undefined && upgraded !== undefined) results.push({ legs, calm, upgraded });
}
const header = ["legs", "upgrades", "flows lost", "messages lost", "doubled or wrong", "p50 ms", "p99 ms", "longest ms", "without ms", "stop ms, median", "most", "MiB", "at the peak", "descriptors", "at the peak"];
const rows = results.map(({ legs, calm, upgraded }) => {
  const stops = upgraded.upgrades.map(({ stoppedMs }) => stoppedMs).sort((a, b) => a - b);
  const ms = (us) => fixed(us / 1_000);
  return [legs, `${stops.length} of ${times}`, upgraded.closed, upgraded.lost, upgraded.mismatched, ms(upgraded.p50_us), ms(upgraded.p99_us), ms(upgraded.max_us), ms(calm.max_us), fixed(stops[stops.length >> 1]), fixed(stops.at(-1)), mib(upgraded.before), mib(upgraded.peak), upgraded.descriptorsBefore, upgraded.descriptorsPeak];
});
console.log(`\n${args.flows} flows, ${args.rate} exchanges a second, ${times} upgrades in a row\n${table(header, rows)}`);
save(args.out, { settings: args, results });
process.exitCode = results.every(({ upgraded }) => upgraded.closed + upgraded.lost + upgraded.mismatched === 0 && upgraded.upgrades.length === times) ? 0 : 1;

async function run(legs, upgrades) {
  const [client, core] = legs.split("-");
  const env = { ...sluiceEnvironment(client, core, args.shards), SLUICE_LOG_LEVEL: "info" };
  const edge = await startPinned("sluice", process.execPath, [SLUICE_MAIN], env, client, "ignore", "0,1");
  const seen = { before: 0, peak: 0, descriptorsBefore: 0, descriptorsPeak: 0 };
  let isOver = false;
  // A request is lost when nobody has answered it for so long.
  const options = { ...DEFAULTS, workload: args.workload, client, "core-leg": core, flows: args.flows, rate: args.rate, sleep: "1", "timeout-ms": "8000", seconds: String(Math.max(upgrades, 2) * USUAL_SECONDS), pid: String(edge.pid) };
  for (const name of ["edges", "legs", "workloads", "rounds", "workers"]) delete options[name];
  const load = runLoad(options).finally(() => (isOver = true));
  const watch = (async () => {
    for (; !isOver; await sleep(LOOK_MS)) look(edge.pid, seen);
  })();
  await registered(edge.pid, Number(args.flows), () => isOver);
  Object.assign(seen, { before: seen.peak, descriptorsBefore: seen.descriptorsPeak });
  for (let time = 0; time < upgrades && !isOver; time += 1) {
    edge.child.kill("SIGUSR2");
    while (!isOver && count(edge.log, OVER) <= time) await sleep(LOOK_MS);
    await sleep(PAUSE_MS);
  }
  const figures = await load;
  await watch;
  const log = readFileSync(edge.log, "utf8");
  await edge.stop();
  return figures && { ...figures, ...seen, upgrades: log.split("\n").filter((line) => line.includes(TAKEN)).map((line) => JSON.parse(line)) };
}

/** The load says nothing until it is over, but connections show in the descriptors; over UDP there are none. */
async function registered(pid, flows, isOver) {
  const until = performance.now() + 15_000;
  while (!isOver() && performance.now() < until && descriptorsOf(pid) < flows) await sleep(LOOK_MS);
  await sleep(1_500);
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

function count(file, words) {
  return readFileSync(file, "utf8").split(words).length - 1;
}

function mib(kib) {
  return fixed(kib / 1_024, 0);
}
