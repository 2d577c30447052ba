/**
 * Crashes under load with a keeper: the server is killed (SIGKILL) several times while flows over all transports are up. How many flows live on, how
 * many messages are lost, how long does nobody answer? A hundred calls are up all the time and end afterwards.
 * `npm run bench -- keeper [--legs mixed-udp,tcp-udp] [--flows 15000] [--rate 2500] [--times 4]`
 * After the fifth crash in a row the keeper gives up, so four are the most. What it costs when nothing happens: `npm run bench -- storm --edges sluice,sluice-keeper`, `npm run bench -- edge --edges sluice,sluice-keeper`.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULTS, legsThere, loadOptionsOf, optionsOver } from "./lib/compare.mjs";
import { SLUICE_MAIN, sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { runLoad } from "./lib/load.mjs";
import { familyOf } from "./lib/process-family.mjs";
import { save } from "./lib/results.mjs";

const GOES_ON = "this one goes on with its flows";
const LOOK_MS = 20;
/** After a crash, for figures of a service that runs. */
const PAUSE_MS = 2_500;
/** For registering, and to have answers to everything at the end. */
const SPARE_SECONDS = 12;

const args = optionsOver({ legs: "mixed-udp", flows: "15000", rate: "2500", times: "4", hold: "100", workload: "mixed", shards: "2", out: "keeper" });
const results = [];
for (const legs of legsThere(args.legs)) results.push({ legs, ...(await run(legs)) });
const header = ["legs", "crashes", "flows kept", "flows lost", "closed", "messages lost", "wrong", "calls up", "gap ms, median", "most", "longest answer ms"];
const rows = results.map(({ legs, crashes, figures }) => {
  const gaps = crashes.map(({ gapMs }) => gapMs).sort((a, b) => a - b);
  const sum = (of) => crashes.reduce((total, one) => total + one[of], 0);
  return [legs, `${crashes.length} of ${args.times}`, sum("kept"), sum("lost"), figures.closed, figures.lost, figures.mismatched, figures.held, fixed(gaps[gaps.length >> 1]), fixed(gaps.at(-1)), fixed(figures.max_us / 1_000)];
});
console.log(`\n${args.flows} flows, ${args.rate} exchanges a second, the server killed ${args.times} times\n${table(header, rows)}`);
save(args.out, { settings: args, results });

async function run(legs) {
  const [client, core] = legs.split("-");
  const env = { ...sluiceEnvironment(client, core, args.shards), SLUICE_KEEPER: "on" };
  const edge = await startPinned("sluice-keeper", process.execPath, [SLUICE_MAIN], env, client, "ignore", "0,1");
  let isOver = false;
  const options = loadOptionsOf({ ...DEFAULTS, flows: args.flows, rate: args.rate, hold: args.hold, sleep: "1", "timeout-ms": "8000", seconds: String(Number(args.times) * 5 + SPARE_SECONDS) });
  const load = runLoad({ ...options, workload: args.workload, client, "core-leg": core, pid: edge.pid }).finally(() => (isOver = true));
  await sleep(SPARE_SECONDS * 700);
  for (let time = 1; time <= Number(args.times) && !isOver; time += 1) {
    process.kill(familyOf(edge.pid)[1], "SIGKILL");
    while (!isOver && crashesIn(edge.log).length < time) await sleep(LOOK_MS);
    await sleep(PAUSE_MS);
  }
  const figures = await load;
  const crashes = crashesIn(edge.log);
  await edge.stop();
  return { figures, crashes };
}

function crashesIn(file) {
  return readFileSync(file, "utf8").split("\n").filter((line) => line.includes(GOES_ON)).map((line) => JSON.parse(line));
}
