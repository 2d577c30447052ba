/**
 * A registrar's CPU for each REGISTER (new, refreshed, with digest) and for each MESSAGE and INVITE that finds a device, its highest rate and its
 * memory per binding: Kamailio with bindings in memory and Sluice with bindings that survive kill -9, alternating in one run.
 * `npm run bench -- registrar [--aors 20000] [--seconds 3] [--rounds 3] [--digests none,md5,sha256] [--search 0]`
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fixed, median, table } from "./lib/figures.mjs";
import { REGISTRARS, runHomeLoads } from "./lib/registrars.mjs";
import { machine } from "./lib/machine.mjs";
import { OUT } from "./lib/tools.mjs";

const { values: args } = parseArgs({
  options: {
    aors: { type: "string", default: "20000" },
    flows: { type: "string", default: "2" },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    window: { type: "string", default: "96" },
    servers: { type: "string", default: "kamailio,sluice" },
    digests: { type: "string", default: "none,md5,sha256" },
    workloads: { type: "string", default: "first,refresh,message,invite" },
    // 1: finds the highest rate of each workload under 0.1 % loss as well, by bisection.
    search: { type: "string", default: "0" },
  },
});
const { servers, digests, workloads, rounds, ...load } = args;
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
  const server = await REGISTRARS[name](digest);
  try {
    return await runHomeLoads({ ...load, workload: asked, digest, pid: server.pid });
  } finally {
    await server.stop();
  }
}

const cases = [...new Set(runs.map(({ workload, digest }) => `${workload} ${digest}`))];
const rows = cases.flatMap((wanted) =>
  names.map((name) => {
    const of = (server) => runs.filter((run) => run.name === server && `${run.workload} ${run.digest}` === wanted);
    const middle = (server, field) => median(of(server).map((run) => run[field]));
    const sum = (field) => of(name).reduce((total, run) => total + run[field], 0);
    const optional = (field, digits) => (of(name)[0]?.[field] === undefined ? "" : fixed(middle(name, field), digits));
    const [workload, digest] = wanted.split(" ");
    return [
      digest === "none" ? workload : `${workload}, ${digest}`,
      name,
      fixed(middle(name, "cpu_us"), 1),
      fixed(middle(name, "cpu_us") / middle(names[0], "cpu_us")),
      fixed(middle(name, "rate"), 0),
      optional("highest_rate", 0),
      fixed(middle(name, "p99_us") / 1_000, 1),
      optional("octets_a_binding", 0),
      sum("lost"),
      sum("wrong"),
      of(name).find((run) => run.first_wrong !== "")?.first_wrong ?? "",
    ];
  }),
);
console.log(table(["workload", "server", "CPU us each", `x ${names[0]}`, "each second", "highest rate", "p99 ms", "octets a binding", "lost", "wrong", "the first wrong answer"], rows));
writeFileSync(join(OUT, "registrar.json"), `${JSON.stringify({ machine: machine(), settings: args, runs }, null, 1)}\n`);
