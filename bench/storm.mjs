/**
 * Reconnect storm: all clients connect and register at once, as after a restart of the edge. How long until the last one is registered?
 * A client that is refused or cut off redials; one that gets no response waits as long as SIP demands (RFC 3261 17.1.2.2, Timer F).
 */
import { DEFAULTS, edgesThere, legsThere, once, optionsOver, turns } from "./lib/compare.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";

const args = optionsOver({ edges: "sluice,kamailio-stateless,kamailio-stateful", legs: "tcp-tcp,tls-tcp,wss-tcp", flows: "15000", "at-once": "1000", rounds: "2", out: "storm" });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const results = [];
for (const pair of legs) {
  const runs = [];
  for (const { round, name } of turns(edges, args.rounds)) {
    const figures = await once({ ...DEFAULTS, "timeout-ms": "32000", flows: args.flows, "at-once": args["at-once"] }, name, pair, "storm");
    if (figures !== undefined) runs.push({ round, name, ...figures });
  }
  const rows = edges.map((name) => row(name, runs));
  const header = ["edge", "s until all are in", "least-most", "s of CPU", "lost", "cut off", "refused", "runs"];
  const cells = rows.map((each) => [each.name, fixed(each.seconds), `${fixed(each.least)}-${fixed(each.most)}`, fixed(each.cpu), each.lost, each.closed, each.refused, each.runs]);
  process.stdout.write(`\n${args.flows} clients, ${pair}, ${args["at-once"]} on their way at once\n${table(header, cells)}\n`);
  results.push({ legs: pair, rows, runs });
}
save(args.out, { settings: args, results });

function row(name, runs) {
  const own = runs.filter((run) => run.name === name);
  const sum = (field) => own.reduce((total, run) => total + run[field], 0);
  const seconds = own.map((run) => run.seconds_until_all);
  return { name, seconds: median(seconds), least: Math.min(...seconds), most: Math.max(...seconds), cpu: median(own.map((run) => run.edge_cpu_seconds)), lost: sum("lost"), closed: sum("closed"), refused: sum("refused"), runs: own.length };
}
