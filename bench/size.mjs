/** The capacity planner: what a machine can handle, from figures measured here at three numbers of flows, with the fit shown. */
import { fixed, fitLine, median, table } from "./lib/figures.mjs";
import { DEFAULTS, legsThere, once, optionsOver, runs } from "./lib/compare.mjs";
import { save } from "./lib/results.mjs";

const args = optionsOver({ flows: "1000,5000,19000", rounds: "3", seconds: "2", legs: "udp-udp,tcp-tcp,wss-tcp", size: "700", out: "size" });
const numbers = args.flows.split(",").map(Number);
const settings = { ...DEFAULTS, seconds: args.seconds, size: args.size, warmup: "0.5" };
const results = [];
for (const legs of legsThere(args.legs)) {
  const points = numbers.map((flows) => ({ flows, register: [], terminate: [], call: [] }));
  // The numbers of flows alternate too.
  for (let round = 0; round < Number(args.rounds); ++round) {
    for (const point of points) {
      const figures = await runs({ ...settings, flows: String(point.flows) }, "sluice", legs, "register,terminate,call");
      for (const { workload, edge_cpu_us_per_message: cost } of figures) point[workload].push(cost);
    }
  }
  const idle = await once({ ...settings, flows: String(numbers.at(-1)) }, "sluice", legs, "idle");
  results.push(plan(legs, points, idle));
}
save(args.out, { settings: args, results });

function plan(legs, points, idle) {
  const rows = points.map(({ flows, register, terminate, call }) => ({ flows, register: median(register), terminate: median(terminate), call: median(call) }));
  const fit = fitLine(rows.map((row) => [row.flows / 1000, row.register]));
  const octets = idle?.pss_bytes_per_flow ?? NaN;
  const worst = Math.max(...rows.map((row) => row.register));
  const worstCall = Math.max(...rows.map((row) => row.call));
  // A shard is full at 70 % of its core. A refresh is two messages, a call six: INVITE, 180, 200, ACK, BYE, 200.
  const core = 0.7e6;
  const capacity = { registers: core / worst / 2, calls: core / worstCall / 6, flows_per_gib: 2 ** 30 / octets };
  process.stdout.write(`\n${legs}\n${table(["flows", "us/message REGISTER", "us/message to a client", "us/message of a call"], rows.map((row) => [row.flows, fixed(row.register), fixed(row.terminate), fixed(row.call)]))}
fit: ${fixed(fit.base)} us + ${fixed(fit.slope, 3)} us for each thousand flows (explains ${fixed(100 * fit.explained, 0)} %)
memory: ${fixed(octets, 0)} octets of user memory for each idle flow, ${fixed(capacity.flows_per_gib / 1e6, 1)} million flows a GiB beside the kernel's sockets
a shard at 70 % of its core: ${fixed(capacity.registers, 0)} REGISTER/s, or ${fixed(capacity.calls, 0)} calls/s; ${fixed((capacity.registers * 3000) / 1e6, 1)} million clients that refresh every 3000 s
`);
  return { legs, rows, fit, octets_per_idle_flow: octets, capacity };
}
