/** The cost of monitoring: CPU per relayed message without any, with /metrics scraped every second, with a trace of one AOR, with a capture file, and with a policy module. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { fixed, median, table } from "./lib/figures.mjs";
import { SLUICE_MAIN } from "./lib/edges.mjs";
import { runLoad } from "./lib/load.mjs";
import { OUT } from "./lib/tools.mjs";
import { ROOT } from "../scripts/lib/run.mjs";

const { values: args } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    workload: { type: "string", default: "register" },
    legs: { type: "string", default: "udp-udp" },
    flows: { type: "string", default: "1000" },
    watchers: { type: "string", default: "off,none,metrics,trace,pcap,policy" },
  },
});
const [client, core] = args.legs.split("-");

/** By name: additional settings of the edge, and what runs while it works. */
const WATCHERS = {
  off: { settings: { SLUICE_ADMIN_LISTEN: "off" } },
  none: {},
  metrics: { watch: (admin) => every(1000, () => fetch(`${admin}/metrics`).then((answer) => answer.text())) },
  trace: { before: (admin) => post(`${admin}/api/traces`, { what: "nobody@example.com", seconds: 60 }) },
  pcap: { settings: { SLUICE_PCAP: join(OUT, "bench.pcap"), SLUICE_PCAP_MEGABYTES: "50" } },
  policy: { settings: { SLUICE_ADMIN_LISTEN: "off", SLUICE_POLICY: join(ROOT, "bench/lib/sample-policy.mjs") } },
};

const names = args.watchers.split(",");
const runs = [];
for (let round = 0; round < Number(args.rounds); ++round) for (const name of [...names, names[0]]) runs.push({ name, round, figures: await once(WATCHERS[name]) });
const cost = ({ figures }) => figures.edge_cpu_us_per_message;
const baseOf = (round) => median(runs.filter((run) => run.round === round && run.name === names[0]).map(cost));
const rows = names.map((name) => {
  const own = runs.filter((run) => run.name === name);
  return [name, fixed(median(own.map(cost))), fixed(median(own.map((run) => cost(run) / baseOf(run.round))), 3), fixed(median(own.map(({ figures }) => figures.messages_per_second)) / 1000, 0), fixed(median(own.map(({ figures }) => figures.p99_us)), 0)];
});
process.stdout.write(`${table(["watcher", "us/message", `x ${names[0]}`, "kmsg/s", "p99 us"], rows)}\n`);
const pairs = Array.from({ length: Number(args.rounds) }, (_, round) => runs.filter((run) => run.round === round && run.name === names[0]).map(cost));
process.stdout.write(`noise: ${names[0]} against itself ${fixed(median(pairs.map(([one, other]) => other / one)), 3)}\n`);

async function once({ settings = {}, before, watch }) {
  const [edge, edgeCore, upstream, admin] = [await freePort(), await freePort(), await freePort(), await freePort()];
  mkdirSync(join(OUT, "state"), { recursive: true });
  const child = spawn("taskset", ["-c", "0", process.execPath, SLUICE_MAIN], {
    env: {
      PATH: process.env.PATH,
      SLUICE_MODE: "edge",
      SLUICE_LISTEN: `${client}:127.0.0.1:${edge}`,
      SLUICE_CORE_LISTEN: `${core}:127.0.0.1:${edgeCore}`,
      SLUICE_UPSTREAM: `sip:127.0.0.1:${upstream};transport=${core}`,
      SLUICE_SHARDS: "1",
      SLUICE_STATE_DIR: join(OUT, "state"),
      SLUICE_DRAIN_SECONDS: "0",
      SLUICE_ADMIN_LISTEN: `127.0.0.1:${admin}`,
      ...settings,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.stdout.on("data", (data) => String(data).includes("sluice is up") && resolve()));
  const url = `http://127.0.0.1:${admin}`;
  await before?.(url);
  const stop = watch?.(url);
  try {
    return await runLoad({ edge: `127.0.0.1:${edge}`, core: `127.0.0.1:${upstream}`, client, "core-leg": core, workload: args.workload, pid: child.pid, bare: 0, seconds: args.seconds, warmup: "1", flows: args.flows, window: "96", size: "700" });
  } finally {
    stop?.();
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 3000);
    await ended;
    clearTimeout(late);
    await sleep(100);
  }
}

function every(milliseconds, act) {
  const timer = setInterval(() => void act().catch(() => undefined), milliseconds);
  return () => clearInterval(timer);
}

function post(url, body) {
  return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
