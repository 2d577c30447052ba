/** Compares edges: they alternate, A B C A in each round, for one pair of transports and one workload at a time. */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { fail, say } from "../../scripts/lib/run.mjs";
import { EDGES, startEdge } from "./edges.mjs";
import { runLoads } from "./load.mjs";
import { tlsMissing } from "./tools.mjs";

const LOAD_OPTIONS = ["seconds", "warmup", "flows", "window", "rate", "size", "spread", "sleep", "attacks", "at-once", "timeout-ms", "search", "core-rate", "hold"];

/** The default options of `edge`, `quick` and `full`. */
export const DEFAULTS = {
  edges: Object.keys(EDGES).filter((name) => !EDGES[name].byName).join(","),
  workloads: "register,terminate,originate,call",
  // Client side, then core side.
  legs: "udp-udp,tcp-udp,tcp-tcp,ws-udp,ws-tcp,tls-udp,tls-tcp,wss-udp,wss-tcp",
  rounds: "3",
  seconds: "3",
  warmup: "1",
  flows: "1000",
  window: "96",
  rate: "0",
  size: "700",
  // Requests are up to so many octets shorter, in eight steps.
  spread: "0",
  // Milliseconds after which an unanswered request counts as lost.
  "timeout-ms": "1000",
  // Attacks per second, for the workload hostile.
  attacks: "2000",
  workers: "1",
  // 1: the load waits for events instead of spinning.
  sleep: "0",
  // Seconds before the load begins: eight seconds after a start, V8 collects what the start has left behind.
  settle: "0",
};

/** These defaults, overridden by the command line; all values are text. */
export function optionsOver(defaults) {
  const options = Object.entries(defaults).map(([name, value]) => [name, { type: "string", default: value }]);
  return parseArgs({ options: Object.fromEntries(options) }).values;
}

/** The order in which edges take turns. The first one runs at both ends of each round: the difference between its two runs is the noise. */
export function turns(edges, rounds) {
  const order = [...edges.map((name) => ({ name, again: false })), { name: edges[0], again: true }];
  return Array.from({ length: Number(rounds) }, (_, round) => order.map((turn) => ({ round, ...turn }))).flat();
}

/** The pairs of transports that can be measured on this machine. */
export function legsThere(legs) {
  const wanted = legs.split(",");
  const missing = tlsMissing();
  if (missing === undefined) return wanted;
  const there = wanted.filter((pair) => !/^(?:tls|wss|mixed)-/.test(pair));
  if (there.length < wanted.length) say(`continuing without TLS and WSS: ${missing}`);
  return there;
}

/** The wanted edges that are installed; for the others it says how to install them. */
export function edgesThere(names, legs) {
  const wanted = names.split(",");
  const clients = legs.map((pair) => pair.split("-")[0]);
  for (const name of wanted) if (!(name in EDGES)) fail(`unknown edge ${name}; the edges are ${Object.keys(EDGES).join(", ")}`);
  const there = wanted.filter((name) => {
    const missing = EDGES[name].missing(clients);
    if (missing !== undefined) say(`continuing without ${name}: ${missing}`);
    return missing === undefined;
  });
  if (there.length === 0) fail("none of these edges is installed");
  return there;
}

/** Runs all rounds and returns `[{ legs, workload, runs }]`; calls `done` for each when its pair of transports is finished. */
export async function compare(args, edges, done) {
  if (args.spread !== "0" && args.spread !== undefined && edges.includes("floor") && args.legs !== "udp-udp") fail("with --spread, the floor relays udp-udp only, since it knows no lengths: --edges sluice");
  const results = [];
  for (const legs of args.legs.split(",")) {
    const some = args.workloads.split(",").map((workload) => ({ legs, workload, runs: [] }));
    for (const turn of turns(edges, args.rounds)) {
      for (const figures of await runs(args, turn.name, legs, args.workloads)) {
        some.find(({ workload }) => workload === figures.workload).runs.push({ ...turn, ...figures });
      }
    }
    for (const result of some) {
      if (result.runs.length > 0) done(result);
    }
    results.push(...some.filter((result) => result.runs.length > 0));
  }
  return results;
}

/** Those that the load program knows. */
export function loadOptionsOf(args) {
  return Object.fromEntries(LOAD_OPTIONS.filter((option) => args[option] !== undefined).map((option) => [option, args[option]]));
}

/** Starts an edge once and runs one workload after the other on it. */
export async function runs(args, name, legs, workloads) {
  const [client, core] = legs.split("-");
  const { size, workers = "1", settle = "0" } = args;
  const edge = await startEdge(name, client, core, { size, workers: Number(workers) });
  try {
    const bare = EDGES[name].bare ? 1 : 0;
    if (!bare) await sleep(1_000 * Number(settle));
    const options = { client: EDGES[name].clientOf?.(client) ?? client, "core-leg": core, workload: workloads, pid: edge.pid, bare, ...loadOptionsOf(args) };
    const figures = await runLoads(options);
    const whole = figures.filter(({ done }) => done !== 0);
    if (whole.length < workloads.split(",").length) say(`${name}, ${legs}, ${workloads}: a run produced no figures`);
    return whole.map((each) => ({ command: edge.command, ...each }));
  } finally {
    await edge.stop();
  }
}

/** One edge under one load; undefined: the load could not run. */
export async function once(args, name, legs, workload) {
  return (await runs(args, name, legs, workload)).at(0);
}
