/** The highest rate at which an edge loses less than 0.1 % and no queue grows, found by bisection, and how long an exchange takes at half that rate, and at half of
 * the rate that the best Kamailio holds. */
import { DEFAULTS, edgesThere, legsThere, once, optionsOver, turns } from "./lib/compare.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";

const args = optionsOver({ edges: "sluice,kamailio-stateless,kamailio-stateful", legs: "udp-udp,tcp-tcp,ws-tcp,tls-tcp,wss-tcp", workloads: "register", rounds: "2", seconds: "0.6", flows: "1000", workers: "1", out: "rate" });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const results = [];
for (const pair of legs) {
  for (const workload of args.workloads.split(",")) {
    const runs = [];
    for (const { round, name } of turns(edges, args.rounds)) {
      const figures = await once({ ...DEFAULTS, ...args, search: "1" }, name, pair, workload);
      if (figures !== undefined) runs.push({ round, name, ...figures });
    }
    const result = { legs: pair, workload, runs, rows: edges.map((name) => row(name, runs)) };
    result.atHalf = await atHalf(pair, workload, runs);
    results.push(result);
    show(result);
  }
}
save(args.out, { settings: args, results });

/** Every edge at the same rate: half of what the best rival holds. */
async function atHalf(pair, workload, runs) {
  const rivals = runs.filter(({ name }) => name.startsWith("kamailio")).map((run) => run.highest_rate);
  if (rivals.length === 0) return undefined;
  const rate = Math.round(Math.max(...rivals) / 2);
  const rows = [];
  for (const { round, name } of turns(edges, args.rounds)) {
    const figures = await once({ ...DEFAULTS, ...args, warmup: "1", seconds: String(3 * Number(args.seconds)), rate: String(rate) }, name, pair, workload);
    if (figures !== undefined) rows.push({ round, name, ...figures });
  }
  return { rate, rows };
}

/** Rates are in messages, so that workloads can be compared; `spread` is how much the rounds of one edge differ. */
function row(name, runs) {
  const own = runs.filter((run) => run.name === name);
  const rates = own.map((run) => run.highest_rate * run.messages_per_exchange);
  const middle = (of) => median(own.map(of));
  return {
    name,
    rate: median(rates),
    spread: Math.max(...rates) / Math.min(...rates) - 1,
    p50: middle((run) => run.p50_us),
    p99: middle((run) => run.p99_us),
    p999: middle((run) => run.p999_us),
    late: own.filter((run) => run.load_was_late > 0).length,
  };
}

function show({ legs: pair, workload, rows, atHalf: half }) {
  const own = rows.find(({ name }) => name === "sluice")?.rate;
  const header = ["edge", "kmsg/s", "sluice holds", "spread", "p50 us at half", "p99 us", "p99.9 us"];
  const cells = rows.map((each) => [each.name, fixed(each.rate / 1000, 1), `x ${fixed(own / each.rate)}`, `${fixed(100 * each.spread, 0)} %`, fixed(each.p50, 0), fixed(each.p99, 0), fixed(each.p999, 0)]);
  process.stdout.write(`\n${workload}, ${pair}, ${args.flows} flows\n${table(header, cells)}\n`);
  if (half !== undefined) {
    const middle = (name, of) => median(half.rows.filter((run) => run.name === name).map(of));
    const same = edges.map((name) => [name, ...["p50_us", "p99_us", "p999_us"].map((field) => fixed(middle(name, (run) => run[field]), 0)), fixed(middle(name, (run) => run.edge_cpu_us_per_message))]);
    process.stdout.write(`\nall at ${half.rate} exchanges a second, half of what the best Kamailio holds\n${table(["edge", "p50 us", "p99 us", "p99.9 us", "us/message"], same)}\n`);
  }
  const late = rows.filter((each) => each.late > 0).map(({ name }) => name);
  if (late.length > 0) process.stdout.write(`the load itself was the limit in a run of ${late.join(", ")}\n`);
}
