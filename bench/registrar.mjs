/**
 * A registrar's CPU for each REGISTER (new, refreshed, with digest) and for each MESSAGE and INVITE that finds a device, its highest rate and its
 * memory per binding: Kamailio with bindings in memory and Sluice with bindings that survive kill -9, alternating in one run.
 * With `--flows 3 --devices 3` each flow is a device of its own, and a call rings all of them; `--out registrar-forks` for docs/benchmarks.md.
 * `npm run bench -- registrar [--aors 20000] [--seconds 3] [--rounds 3] [--digests none,md5,sha256] [--search 0]`, then `-- document` for docs/benchmarks.md
 */
import { parseArgs } from "node:util";
import { fixed, table } from "./lib/figures.mjs";
import { registrarRows } from "./lib/registrar-rows.mjs";
import { REGISTRARS, runHomeLoads } from "./lib/registrars.mjs";
import { save } from "./lib/results.mjs";

const { values: args } = parseArgs({
  options: {
    aors: { type: "string", default: "20000" },
    flows: { type: "string", default: "2" },
    // That the flows of a user belong to.
    devices: { type: "string", default: "1" },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    window: { type: "string", default: "96" },
    servers: { type: "string", default: "kamailio,sluice" },
    digests: { type: "string", default: "none,md5,sha256" },
    workloads: { type: "string", default: "first,refresh,message,invite" },
    // 1: finds the highest rate of each workload under 0.1 % loss as well, by bisection.
    // 1: calls name their callees with an escape, so that the object path decides about them.
    escaped: { type: "string", default: "0" },
    search: { type: "string", default: "0" },
    out: { type: "string", default: "registrar" },
  },
});
const { servers, digests, workloads, rounds, out, ...load } = args;
const names = servers.split(",");
const runs = [];
for (let round = 0; round < Number(rounds); round += 1) {
  for (const digest of digests.split(",")) {
    // A server that asks for credentials wants them of callers, too, and the callers of this load have none.
    const asked = digest === "none" ? workloads : workloads.replaceAll(/,?(?:message|invite)/g, "");
    for (const name of names) runs.push(...(await measure(name, digest, asked)).map((figures) => ({ round, name, ...figures })));
  }
}

async function measure(name, digest, asked) {
  const server = await REGISTRARS[name](digest, Number(args.devices));
  try {
    return await runHomeLoads({ ...load, workload: asked, digest, pid: server.pid });
  } finally {
    await server.stop();
  }
}

const rows = registrarRows(runs, names);
const optional = (value, digits) => (Number.isFinite(value) ? fixed(value, digits) : "");
const cells = rows.map((row) => [
  row.workload,
  row.name,
  fixed(row.cost, 1),
  fixed(row.ratio),
  fixed(row.rate, 0),
  optional(row.highest, 0),
  fixed(row.p99 / 1_000, 1),
  optional(row.octets, 0),
  row.lost,
  row.wrong,
  row.firstWrong,
]);
console.log(table(["workload", "server", "CPU us each", `x ${names[0]}`, "each second", "highest rate", "p99 ms", "octets a binding", "lost", "wrong", "the first wrong answer"], cells));
save(out, { settings: args, runs });
