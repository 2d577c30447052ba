/** How evenly the shards of an edge share the core's messages, and how many of these cross from one shard to another: counters, not times. */
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../scripts/lib/run.mjs";
import { legsThere, optionsOver } from "./lib/compare.mjs";
import { SLUICE_MAIN, sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { runLoad } from "./lib/load.mjs";
import { save } from "./lib/results.mjs";

// `ports`: each: every shard has its own port for the core; one: all share one.
const args = optionsOver({ shards: "2,4,8", legs: "udp-udp,tcp-udp,tcp-tcp", workloads: "register,terminate,call", ports: "each", flows: "5000", rate: "3000", seconds: "2", out: "shards" });
const ADMIN_PORT = 26069;
const MAX_SHARE = 1.2;
const MAX_CROSSED = 0.02;

/** The counters by name, with their labels. The admin plane opens after the listeners. */
async function scrape(tries = 50) {
  let page;
  for (let at = 0; page === undefined && at < tries; ++at) {
    page = await fetch(`http://127.0.0.1:${ADMIN_PORT}/metrics`).catch(() => sleep(100));
  }
  if (page === undefined) fail("the admin plane does not answer");
  const text = await page.text();
  return new Map([...text.matchAll(/^sluice_(\S+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

async function measure(shards, legs) {
  const [client, core] = legs.split("-");
  const environment = { ...sluiceEnvironment(client, core, shards), SLUICE_ADMIN_LISTEN: `127.0.0.1:${ADMIN_PORT}` };
  if (args.ports === "each") environment.SLUICE_CORE_LISTEN += `-${Number(environment.SLUICE_CORE_LISTEN.split(":").at(-1)) + shards - 1}`;
  const edge = await startPinned("sluice", process.execPath, [SLUICE_MAIN], environment, client, "ignore", "0,1");
  const rows = [];
  try {
    for (const workload of args.workloads.split(",")) {
      const options = { client, "core-leg": core, flows: args.flows, pid: edge.pid, sleep: 1, "timeout-ms": 5000 };
      // The first load opens the flows and registers them.
      const before = await scrape();
      const figures = await runLoad({ ...options, workload, rate: args.rate, warmup: 0, seconds: args.seconds });
      if (figures === undefined) fail(`the load did not run: see ${edge.log}`);
      const after = await scrape();
      const grown = (name) => after.get(name) - (before.get(name) ?? 0);
      const messages = Array.from({ length: shards }, (_, shard) => grown(`shard_messages_received_total{shard="${shard}"}`));
      const all = messages.reduce((sum, each) => sum + each, 0);
      rows.push({ shards, legs, workload, messages, most: (Math.max(...messages) * shards) / all, crossed: grown("shard_crossings_total") / all, lost: figures.lost, wrong: figures.mismatched });
    }
  } finally {
    await edge.stop();
  }
  return rows;
}

const rows = [];
for (const legs of legsThere(args.legs)) for (const shards of args.shards.split(",").map(Number)) rows.push(...(await measure(shards, legs)));
const header = ["legs", "shards", "workload", "messages", "largest share x mean", "crossed", "lost", "wrong"];
const cells = rows.map((row) => [row.legs, row.shards, row.workload, row.messages.reduce((sum, each) => sum + each, 0), fixed(row.most), `${fixed(100 * row.crossed, 1)} %`, row.lost, row.wrong]);
process.stdout.write(`\n${args.ports === "each" ? "a port for the core on each shard" : "one port for the core"}, ${args.flows} flows\n${table(header, cells)}\n`);
const missed = rows.filter(({ most, crossed }) => most > MAX_SHARE || crossed > MAX_CROSSED);
process.stdout.write(missed.length === 0 ? `no shard has more than ${MAX_SHARE} times its share, and less than ${100 * MAX_CROSSED} % cross\n` : `missed in ${missed.length} of ${rows.length} rows\n`);
save(args.out, { settings: args, rows });
