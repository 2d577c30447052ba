/** CPU of an edge for each relayed message: the floor, Kamailio and Sluice in turn, A B A B, in one run. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT, fail, say } from "../scripts/lib/run.mjs";
import { EDGES, startEdge } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { runLoad } from "./lib/load.mjs";
import { machine } from "./lib/machine.mjs";
import { OUT } from "./lib/tools.mjs";

const { values: args } = parseArgs({
  options: {
    edges: { type: "string", default: Object.keys(EDGES).join(",") },
    workloads: { type: "string", default: "register,terminate,originate" },
    // Client side, then core side.
    legs: { type: "string", default: "udp-udp,tcp-tcp" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "3" },
    warmup: { type: "string", default: "1" },
    flows: { type: "string", default: "1000" },
    window: { type: "string", default: "96" },
    size: { type: "string", default: "700" },
    out: { type: "string", default: "edge.json" },
  },
});

const wanted = args.edges.split(",");
for (const name of wanted) if (!(name in EDGES)) fail(`no edge ${name}; there are ${Object.keys(EDGES).join(", ")}`);
const edges = wanted.filter((name) => {
  const missing = EDGES[name].missing();
  if (missing !== undefined) say(`goes on without ${name}: ${missing}`);
  return missing === undefined;
});
// The first edge runs at both ends of each round: what differs between its two runs is the noise.
const order = edges.map((name) => ({ name, again: false }));
order.push({ name: edges[0], again: true });

const results = [];
for (const legs of args.legs.split(",")) {
  for (const workload of args.workloads.split(",")) {
    const runs = [];
    for (let round = 0; round < Number(args.rounds); ++round) {
      for (const { name, again } of order) {
        const figures = await once(name, legs, workload);
        if (figures !== undefined) runs.push({ round, name, again, ...figures });
      }
    }
    results.push({ legs, workload, runs });
    process.stdout.write(`\n${title(legs, workload)}\n${report(workload, runs)}\n`);
  }
}
const file = join(OUT, args.out);
const command = ["node bench/edge.mjs", ...process.argv.slice(2)].join(" ");
writeFileSync(file, `${JSON.stringify({ machine: machine(), command, settings: args, results }, null, 1)}\n`);
process.stdout.write(`\n${file.slice(ROOT.length)}\n`);

async function once(name, legs, workload) {
  const [client, core] = legs.split("-");
  const edge = await startEdge(name, client, core, { size: args.size });
  try {
    const figures = await runLoad({
      client,
      "core-leg": core,
      workload,
      pid: edge.pid,
      bare: EDGES[name].bare ? 1 : 0,
      seconds: args.seconds,
      warmup: args.warmup,
      flows: args.flows,
      window: args.window,
      size: args.size,
    });
    if (figures === undefined) say(`${name}, ${legs}, ${workload}: this run gave no figures`);
    return figures && { command: edge.command, ...figures };
  } finally {
    await edge.stop();
  }
}

function title(legs, workload) {
  const [client, core] = legs.split("-");
  const sides = `${client.toUpperCase()} clients, ${core.toUpperCase()} core`;
  return `${workload}: ${sides}, ${args.flows} flows, ${args.size} octets`;
}

function report(workload, runs) {
  return workload === "idle" ? memoryReport(runs) : cpuReport(runs);
}

function memoryReport(runs) {
  const rows = edges.map((name) => {
    const bytes = runs.filter((run) => run.name === name).map((run) => run.pss_bytes_per_flow);
    return [name, fixed(median(bytes), 0), fixed(Math.min(...bytes), 0), fixed(Math.max(...bytes), 0)];
  });
  return table(["edge", "octets of user memory per flow", "least", "most"], rows);
}

function cpuReport(runs) {
  const cost = (run) => run.edge_cpu_us_per_message;
  const base = edges[0];
  // Paired within a round, so that a slow minute of the machine weighs on both sides of a ratio.
  const baseOf = (round) => median(runs.filter((run) => run.name === base && run.round === round).map(cost));
  const rows = edges.map((name) => {
    const own = runs.filter((run) => run.name === name);
    const sum = (field) => own.reduce((total, run) => total + run[field], 0);
    return [
      name,
      fixed(median(own.map(cost))),
      `${fixed(Math.min(...own.map(cost)))}-${fixed(Math.max(...own.map(cost)))}`,
      fixed(median(own.map((run) => cost(run) / baseOf(run.round)))),
      fixed(median(own.map((run) => run.messages_per_second)) / 1000, 0),
      fixed(median(own.map((run) => run.edge_busy))),
      fixed(median(own.map((run) => run.p50_us)), 0),
      fixed(median(own.map((run) => run.p99_us)), 0),
      sum("lost"),
      sum("mismatched"),
    ];
  });
  const first = runs.filter((run) => run.name === base && !run.again).map(cost);
  const second = runs.filter((run) => run.name === base && run.again).map(cost);
  const noise = second.length > 0 ? `\nnoise: ${base} against itself ${fixed(median(second) / median(first), 3)}` : "";
  const costs = ["edge", "us/message", "least-most", `x ${base}`];
  const header = [...costs, "kmsg/s", "busy", "p50 us", "p99 us", "lost", "wrong"];
  // In a closed loop an edge that is not busy has shared its CPU with others, or has waited for a load that did.
  const starved = runs.filter((run) => run.edge_busy < 0.8).length;
  const warning = starved > 0 ? `\nnot to be quoted: in ${starved} of ${runs.length} runs the CPUs were not free` : "";
  return table(header, rows) + noise + warning;
}
