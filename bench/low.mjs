/** What a message costs from one waiting request to saturation: windows of a closed loop and fixed rates, each beside the floor; and an idle edge. */
import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULTS, compare, edgesThere, legsThere, optionsOver } from "./lib/compare.mjs";
import { startEdge } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { summary } from "./lib/report.mjs";
import { save } from "./lib/results.mjs";

const args = optionsOver({ ...DEFAULTS, edges: "floor,sluice", workloads: "register,call", legs: "udp-udp,tcp-tcp,ws-tcp,tls-udp,wss-udp", rounds: "1", seconds: "1", warmup: "0.3", "rate-warmup": "3", windows: "1,8,32,96", rates: "1000,6000,20000", idle: "30", settle: "12", out: "low" });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
// At a low rate it takes seconds until JavaScript is compiled; that is the cost of a start, not of a message.
const loads = [...args.windows.split(",").map((window) => ({ load: `window ${window}`, window, rate: "0", settle: "0" })), ...args.rates.split(",").map((rate) => ({ load: `${rate}/s`, rate, warmup: args["rate-warmup"] }))];
const rows = [];
for (const pair of legs) {
  for (const { load, ...settings } of loads) {
    for (const result of await compare({ ...args, ...settings, legs: pair }, edges, () => undefined)) {
      const { rows: costs, noise } = summary(result, edges);
      rows.push(...costs.map((row) => ({ legs: pair, workload: result.workload, load, noise, ...row })));
    }
  }
  show(rows.filter(({ legs: of }) => of === pair));
}
const idle = edges.includes("sluice") ? await idleShare() : NaN;
process.stdout.write(`\nan idle edge: ${fixed(100 * idle, 3)} % of a core\n`);
save(args.out, { settings: args, edges, rows, idle });

function show(some) {
  const header = ["load", "workload", "edge", "us/message", `x ${edges[0]}`, "p50 us", "p99 us", "lost", "wrong"];
  const cells = some.map((row) => [row.load, row.workload, row.name, fixed(row.cost), fixed(row.ratio), fixed(row.p50, 0), fixed(row.p99, 0), row.lost, row.wrong]);
  process.stdout.write(`\n${some[0]?.legs}, ${args.flows} flows\n${table(header, cells)}\n`);
}

/** The share of a core that all threads of a silent edge take. */
async function idleShare() {
  const edge = await startEdge("sluice", "udp", "udp", { size: args.size, workers: 1 });
  try {
    await sleep(1_000 * Number(args.settle));
    const before = cpuNs(edge.pid);
    await sleep(1_000 * Number(args.idle));
    return (cpuNs(edge.pid) - before) / (1e9 * Number(args.idle));
  } finally {
    await edge.stop();
  }
}

function cpuNs(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]), 0);
}
