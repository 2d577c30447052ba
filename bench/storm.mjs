/** Reconnect storm: all clients connect and register at once, as after a restart of the edge. How long until the last is in? */
import { parseArgs } from "node:util";
import { DEFAULTS, edgesThere, legsThere, once } from "./lib/compare.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";

const options = { edges: "sluice,kamailio-stateless,kamailio-stateful", legs: "tcp-tcp", flows: "15000", rounds: "3", out: "storm" };
const { values: args } = parseArgs({
  options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, { type: "string", default: value }])),
});
const edges = edgesThere(args.edges, legsThere(args.legs));
const runs = [];
for (let round = 0; round < Number(args.rounds); ++round) {
  for (const name of edges) {
    const figures = await once({ ...DEFAULTS, flows: args.flows }, name, args.legs, "storm");
    if (figures !== undefined) runs.push({ round, name, ...figures });
  }
}
const rows = edges.map((name) => {
  const own = runs.filter((run) => run.name === name);
  const sum = (field) => own.reduce((total, run) => total + run[field], 0);
  return { name, seconds: median(own.map((run) => run.seconds_until_all)), cpu: median(own.map((run) => run.edge_cpu_seconds)), lost: sum("lost"), closed: sum("closed"), runs: own.length };
});
const header = ["edge", "s until all are in", "s of CPU", "lost", "closed", "runs"];
process.stdout.write(`\n${args.flows} clients, ${args.legs}\n${table(header, rows.map((row) => [row.name, fixed(row.seconds), fixed(row.cpu), row.lost, row.closed, row.runs]))}\n`);
save(args.out, { settings: args, rows, runs });
