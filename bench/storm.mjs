/**
 * Reconnect storm: all clients connect and register at once, as after a restart of the edge. How long until the last one is registered?
 * A client that is refused or cut off redials; one that gets no response waits as long as SIP demands (RFC 3261 17.1.2.2, Timer F).
 *
 * With --core-rate 5000 the core answers so many REGISTERs a second, and clients come back when a 503 tells them to. With --simulate 1000000
 * so many phones, which come within --arrive-s seconds, are simulated instead (native/bench/storm_sim.cc) with what a connection and a REGISTER
 * cost the edge, measured before. If one
 * got more than two 503s, its life is printed.
 */
import { spawnSync } from "node:child_process";
import { fail } from "../scripts/lib/run.mjs";
import { DEFAULTS, edgesThere, legsThere, once, optionsOver, turns } from "./lib/compare.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";
import { program } from "./lib/tools.mjs";

const PRODUCT = ["core/base/crc32c.cc", "core/base/image.cc", "core/relay/admission.cc", "core/relay/upstream_window.cc", "core/relay/waiting_room.cc", "core/crypto/siphash.cc", "core/flow/source_shares.cc", "core/sip/address.cc"];
const args = optionsOver({ edges: "sluice,kamailio-stateless,kamailio-stateful", legs: "tcp-tcp,tls-tcp,wss-tcp", flows: "15000", "at-once": "1000", rounds: "2", "core-rate": "0", simulate: "0", "arrive-s": "60", out: "storm" });
if (Number(args.simulate) > 0) await simulate();
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const results = [];
for (const pair of legs) {
  const runs = [];
  for (const { round, name } of turns(edges, args.rounds)) {
    const figures = await once({ ...DEFAULTS, "timeout-ms": "32000", flows: args.flows, "at-once": args["at-once"], "core-rate": args["core-rate"] }, name, pair, "storm");
    if (figures !== undefined) runs.push({ round, name, ...figures });
  }
  const rows = edges.map((name) => row(name, runs));
  const header = ["edge", "s until all are in", "least-most", "s of CPU", "lost", "cut off", "refused", "503s", "most for one", "runs"];
  const cells = rows.map((each) => [each.name, fixed(each.seconds), `${fixed(each.least)}-${fixed(each.most)}`, fixed(each.cpu), each.lost, each.closed, each.refused, each.putOff, each.mostOfOne, each.runs]);
  process.stdout.write(`\n${args.flows} clients, ${pair}, ${args["at-once"]} on their way at once\n${table(header, cells)}\n`);
  results.push({ legs: pair, rows, runs });
}
save(args.out, { settings: args, results });

function row(name, runs) {
  const own = runs.filter((run) => run.name === name);
  const sum = (field) => own.reduce((total, run) => total + run[field], 0);
  const seconds = own.map((run) => run.seconds_until_all);
  return { name, seconds: median(seconds), least: Math.min(...seconds), most: Math.max(...seconds), cpu: median(own.map((run) => run.edge_cpu_seconds)), lost: sum("lost"), closed: sum("closed"), refused: sum("refused"), putOff: sum("put_off"), mostOfOne: Math.max(...own.map((run) => run.most_503_of_a_phone)), runs: own.length };
}

/** For each pair of legs: the costs from a quiet registration of some flows, then the storm with them. */
async function simulate() {
  const rate = Number(args["core-rate"]) || 5_000;
  const simulated = [];
  for (const pair of legsThere(args.legs)) {
    const quiet = await once({ ...DEFAULTS, "timeout-ms": "32000", flows: "3000", "at-once": "64" }, "sluice", pair, "storm");
    const registers = await once({ ...DEFAULTS, flows: "1000", window: "32", seconds: "2" }, "sluice", pair, "register");
    if (quiet === undefined || registers === undefined) fail(`sluice, ${pair}: the costs could not be measured`);
    const register = registers.edge_cpu_us_per_message * 2;
    const connection = Math.max(1, (quiet.edge_cpu_seconds * 1e6) / 3_000 - register);
    const options = ["--phones", args.simulate, "--rate", String(rate), "--arrive-s", args["arrive-s"], "--connection-us", connection.toFixed(1), "--register-us", register.toFixed(1)];
    const { status, stdout, stderr } = spawnSync(program("storm_sim", PRODUCT), options, { encoding: "utf8" });
    if (status !== 0) fail(`storm_sim: ${stderr}`);
    const figures = JSON.parse(stdout);
    simulated.push({ legs: pair, connection, register, ...figures });
    if (figures.first_of_those >= 0) spawnSync(program("storm_sim", PRODUCT), [...options, "--follow", String(figures.first_of_those)], { stdio: ["ignore", "ignore", "inherit"] });
  }
  const header = ["legs", "us a connection", "us a REGISTER", "s until all are in", "s at best", "503s", "most for one", "phones with more than two", "most waiting"];
  const cells = simulated.map((each) => [each.legs, fixed(each.connection), fixed(each.register), fixed(each.seconds_until_all), fixed(each.at_best), each.put_off, each.most_503_of_a_phone, each.more_than_two_503, each.most_waiting]);
  process.stdout.write(`\n${args.simulate} phones within ${args["arrive-s"]} s, an upstream that answers ${rate} a second, one shard\n${table(header, cells)}\n`);
  save(`${args.out}-simulated`, { settings: args, simulated });
  process.exit();
}
