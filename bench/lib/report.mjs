/** The result of a comparison, as numbers and as a table for the terminal. */
import { fixed, median, ratioBeyondNoise, table } from "./figures.mjs";

const cost = (run) => run.edge_cpu_us_per_message;

export function title({ legs, workload }, args) {
  const [client, core] = legs.split("-");
  return `${workload}: ${client.toUpperCase()} clients, ${core.toUpperCase()} core, ${args.flows} flows, ${args.size} octets`;
}

/** One row per edge. Ratios are paired within a round, so that a slow minute of the machine affects both sides. */
export function summary({ runs }, edges) {
  const base = edges[0];
  const baseOf = (round) => median(runs.filter((run) => run.name === base && run.round === round).map(cost));
  const first = runs.filter((run) => run.name === base && !run.again).map(cost);
  const second = runs.filter((run) => run.name === base && run.again).map(cost);
  const noise = second.length > 0 ? Math.abs(median(second) / median(first) - 1) : NaN;
  const rows = edges.map((name) => {
    const own = runs.filter((run) => run.name === name);
    const sum = (field) => own.reduce((total, run) => total + run[field], 0);
    const middle = (of) => median(own.map(of));
    return {
      name,
      cost: middle(cost),
      least: Math.min(...own.map(cost)),
      most: Math.max(...own.map(cost)),
      ...ratioBeyondNoise(own.map((run) => cost(run) / baseOf(run.round)), noise),
      rate: middle((run) => run.messages_per_second),
      busy: middle((run) => run.edge_busy),
      p50: middle((run) => run.p50_us),
      p99: middle((run) => run.p99_us),
      p999: middle((run) => run.p999_us),
      lost: sum("lost"),
      wrong: sum("mismatched"),
    };
  });
  // In a closed loop, an edge that is not busy either shared its CPU or waited for a load program that did.
  const starved = runs.filter((run) => !(run.rate > 0) && run.edge_busy < 0.8).length;
  return { base, noise, rows, starved, runs: runs.length };
}

export function cpuReport(result, edges) {
  const { base, noise, rows, starved, runs } = summary(result, edges);
  const header = ["edge", "us/message", "least-most", `x ${base}`, "kmsg/s", "busy", "p50 us", "p99 us", "p99.9 us", "lost", "wrong"];
  const cells = rows.map((row) => [
    row.name,
    fixed(row.cost),
    `${fixed(row.least)}-${fixed(row.most)}`,
    row.counts || row.name === base ? fixed(row.ratio) : `(${fixed(row.ratio)})`,
    fixed(row.rate / 1000, 0),
    fixed(row.busy),
    fixed(row.p50, 0),
    fixed(row.p99, 0),
    fixed(row.p999, 0),
    row.lost,
    row.wrong,
  ]);
  const warning = starved > 0 ? `\nCPUs were not free in ${starved} of ${runs} runs: latency and rate are not to be quoted` : "";
  return `${table(header, cells)}\nnoise: ${base} differs from itself by ${fixed(100 * noise, 1)} %; a ratio in brackets does not count${warning}`;
}

export function memoryReport({ runs }, edges) {
  const rows = edges.map((name) => {
    const octets = runs.filter((run) => run.name === name).map((run) => run.pss_bytes_per_flow);
    return [name, fixed(median(octets), 0), fixed(Math.min(...octets), 0), fixed(Math.max(...octets), 0)];
  });
  return table(["edge", "octets of user memory per flow", "least", "most"], rows);
}

export function report(result, edges) {
  return result.workload === "idle" ? memoryReport(result, edges) : cpuReport(result, edges);
}
