/**
 * Crashes under load with a keeper: the server is killed (SIGKILL) several times while flows over all transports are up. How many flows live on, how
 * many messages are lost, how long does nobody answer? A hundred calls are up all the time and end afterwards.
 * The gap includes the start of a process, so that is measured as well: the same server on other ports, beside the same load.
 * `npm run bench -- keeper [--legs mixed-udp,tcp-udp] [--flows 15000] [--rate 2500] [--times 4] [--keeper standby] [--pause 2.5]`
 * With a standby, a pause of ten seconds lets the next one get ready.
 * After the fifth crash in a row the keeper gives up, so four are the most. What it costs when nothing happens: `npm run bench -- storm --edges sluice,sluice-keeper`, `npm run bench -- edge --edges sluice,sluice-keeper`.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULTS, legsThere, loadOptionsOf, optionsOver } from "./lib/compare.mjs";
import { SLUICE_MAIN, sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { startLoad } from "./lib/load.mjs";
import { familyOf } from "./lib/process-family.mjs";
import { save } from "./lib/results.mjs";
import { OUT } from "./lib/tools.mjs";

const GOES_ON = "this one goes on with its flows";
const LOOK_MS = 20;
/** The load ends after the last crash; by itself only if one is not outlived. */
const LONGEST_SECONDS = 60;
const PROGRESS_SECONDS = 0.2;
const SETTLED_SECONDS = 1.5;
const STARTS = 3;
const OTHER_PORT = 26_160;

const args = optionsOver({ legs: "mixed-udp", flows: "15000", rate: "2500", times: "4", hold: "100", workload: "mixed", shards: "2", keeper: "on", pause: "2.5", out: "keeper" });
/** After a crash, for figures of a service that runs. */
const PAUSE_MS = Number(args.pause) * 1_000;
const results = [];
for (const legs of legsThere(args.legs)) results.push({ legs, ...(await run(legs)) });
const header = ["legs", "crashes", "flows kept", "flows lost", "closed", "messages lost", "at most, by the server", "wrong", "calls up", "gap ms, median", "most", "start ms, median", "gap less the start", "longest answer ms"];
const rows = results.map(({ legs, crashes, starts, figures }) => {
  const gaps = crashes.map(({ gapMs }) => gapMs).sort((a, b) => a - b);
  const sum = (of) => crashes.reduce((total, one) => total + one[of], 0);
  return [legs, `${crashes.length} of ${args.times}`, sum("kept"), sum("lost"), figures.closed, figures.lost, sum("messages"), figures.mismatched, figures.held, fixed(median(gaps)), fixed(gaps.at(-1)), fixed(median(starts)), fixed(median(gaps) - median(starts)), fixed(figures.max_us / 1_000)];
});
console.log(`\n${args.flows} flows, ${args.rate} exchanges a second, the server killed ${args.times} times\n${table(header, rows)}`);
save(args.out, { settings: args, results });

async function run(legs) {
  const [client, core] = legs.split("-");
  const env = { ...sluiceEnvironment(client, core, args.shards), SLUICE_KEEPER: args.keeper };
  const edge = await startPinned("sluice-keeper", process.execPath, [SLUICE_MAIN], env, client, "ignore", "0,1");
  let isOver = false;
  let soFar;
  const options = loadOptionsOf({ ...DEFAULTS, flows: args.flows, rate: args.rate, hold: args.hold, sleep: "1", "timeout-ms": "8000", seconds: String((Number(args.times) + 1) * LONGEST_SECONDS) });
  const { figures: load, end } = startLoad({ ...options, workload: args.workload, client, "core-leg": core, pid: edge.pid, progress: PROGRESS_SECONDS }, (figures) => (soFar = figures));
  void load.finally(() => (isOver = true));
  while (!isOver && !(soFar?.seconds >= SETTLED_SECONDS)) await sleep(LOOK_MS);
  const starts = [];
  while (!isOver && starts.length < STARTS) starts.push(await start());
  for (let time = 1; time <= Number(args.times) && !isOver; time += 1) {
    // The oldest child serves, a standby is younger.
    process.kill(familyOf(edge.pid)[1], "SIGKILL");
    while (!isOver && crashesIn(edge.log).length < time) await sleep(LOOK_MS);
    await sleep(PAUSE_MS);
    const crash = crashesIn(edge.log).at(time - 1);
    console.log(`crash ${time}: ${crash === undefined ? "not outlived" : `kept ${crash.kept}, lost ${crash.lost}, messages at most ${crash.messages}, requests ${crash.requests}, gap ${crash.gapMs} ms`}; so far lost messages ${soFar?.lost}, wrong ${soFar?.mismatched}, flows closed ${soFar?.closed}, calls up ${soFar?.held}`);
  }
  end();
  const figures = await load;
  const crashes = crashesIn(edge.log);
  await edge.stop();
  return { figures: figures ?? { ...soFar, max_us: NaN }, crashes, starts };
}

/** Milliseconds until such a server serves, with nothing to go on with. */
async function start() {
  const env = { ...process.env, ...sluiceEnvironment("tcp", "udp", args.shards), SLUICE_LISTEN: `tcp:127.0.0.1:${OTHER_PORT}`, SLUICE_CORE_LISTEN: `udp:127.0.0.1:${OTHER_PORT + 1}`, SLUICE_STATE_DIR: join(OUT, "state-2"), SLUICE_LOG_LEVEL: "info" };
  const from = performance.now();
  const child = spawn("taskset", ["-c", "0,1", process.execPath, SLUICE_MAIN], { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("close", resolve));
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve) => lines.on("line", (line) => line.includes("sluice is up") && resolve()));
  const milliseconds = performance.now() - from;
  child.kill("SIGKILL");
  await ended;
  return milliseconds;
}

function crashesIn(file) {
  return readFileSync(file, "utf8").split("\n").filter((line) => line.includes(GOES_ON)).map((line) => JSON.parse(line));
}
