/** Edges against each other: in turn, A B C A in each round, each for one pair of transports and one workload. */
import { fail, say } from "../../scripts/lib/run.mjs";
import { EDGES, startEdge } from "./edges.mjs";
import { runLoad } from "./load.mjs";

/** What the options of `edge`, `quick` and `full` begin with. */
export const DEFAULTS = {
  edges: Object.keys(EDGES).join(","),
  workloads: "register,terminate,originate",
  // Client side, then core side.
  legs: "udp-udp,tcp-tcp",
  rounds: "3",
  seconds: "3",
  warmup: "1",
  flows: "1000",
  window: "96",
  rate: "0",
  size: "700",
};

/** The wanted edges that are there; of the others it says how to install them. */
export function edgesThere(names) {
  const wanted = names.split(",");
  for (const name of wanted) if (!(name in EDGES)) fail(`no edge ${name}; there are ${Object.keys(EDGES).join(", ")}`);
  const there = wanted.filter((name) => {
    const missing = EDGES[name].missing();
    if (missing !== undefined) say(`goes on without ${name}: ${missing}`);
    return missing === undefined;
  });
  if (there.length === 0) fail("none of these edges is there");
  return there;
}

/** Runs all rounds and returns `[{ legs, workload, runs }]`; `done` hears of each as it ends. */
export async function compare(args, edges, done) {
  // The first edge runs at both ends of each round: what differs between its two runs is the noise.
  const order = edges.map((name) => ({ name, again: false }));
  order.push({ name: edges[0], again: true });
  const results = [];
  for (const legs of args.legs.split(",")) {
    for (const workload of args.workloads.split(",")) {
      const runs = [];
      for (let round = 0; round < Number(args.rounds); ++round) {
        for (const { name, again } of order) {
          const figures = await once(args, name, legs, workload);
          if (figures !== undefined) runs.push({ round, name, again, ...figures });
        }
      }
      results.push({ legs, workload, runs });
      done({ legs, workload, runs });
    }
  }
  return results;
}

/** One edge under one load; undefined when the load could not be run. */
export async function once(args, name, legs, workload) {
  const [client, core] = legs.split("-");
  const edge = await startEdge(name, client, core, { size: args.size });
  try {
    const { seconds, warmup, flows, window, rate, size } = args;
    const bare = EDGES[name].bare ? 1 : 0;
    const options = { client, "core-leg": core, workload, pid: edge.pid, bare, seconds, warmup, flows, window, rate, size };
    const figures = await runLoad(options);
    if (figures === undefined) say(`${name}, ${legs}, ${workload}: this run gave no figures`);
    return figures && { command: edge.command, ...figures };
  } finally {
    await edge.stop();
  }
}
