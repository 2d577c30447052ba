/**
 * CPU of a registrar for each REGISTER that refreshes a flow: Kamailio with bindings in memory, Sluice with bindings on disk, in turn.
 * `node bench/registrar.mjs [--aors 10000] [--seconds 5] [--rounds 3]`
 */
import { createSocket } from "node:dgram";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/lib/run.mjs";
import { EDGE_PORT, SLUICE_MAIN, startPinned } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { machine } from "./lib/machine.mjs";
import { OUT } from "./lib/tools.mjs";
import { registerOctets, temporaryFolder } from "./micro/stage.mjs";

const { values: args } = parseArgs({
  options: {
    aors: { type: "string", default: "10000" },
    flows: { type: "string", default: "2" },
    seconds: { type: "string", default: "5" },
    rounds: { type: "string", default: "3" },
    window: { type: "string", default: "96" },
    servers: { type: "string", default: "kamailio,sluice" },
  },
});
const [AORS, FLOWS, WINDOW] = [args.aors, args.flows, args.window].map(Number);
const TICKS_PER_SECOND = 100;

const SERVERS = {
  kamailio: () => {
    const folder = temporaryFolder();
    const file = join(ROOT, "bench/kamailio/registrar.cfg");
    const memory = ["-x", "tlsf", "-X", "tlsf", "-m", "1024"];
    return startPinned("kamailio-registrar", "kamailio", ["-DD", "-E", "-f", file, "-Y", folder, "-P", join(folder, "pid"), ...memory, "-A", `LISTEN_PORT=${EDGE_PORT}`], {}, "udp");
  },
  sluice: () =>
    startPinned("sluice-registrar", process.execPath, [SLUICE_MAIN], {
      SLUICE_MODE: "registrar",
      SLUICE_LISTEN: `udp:127.0.0.1:${EDGE_PORT}`,
      SLUICE_DOMAINS: "example.org",
      SLUICE_EDGES: "127.0.0.1",
      SLUICE_SHARDS: "1",
      SLUICE_STATE_DIR: temporaryFolder(),
      SLUICE_LOG_LEVEL: "warn",
    }, "udp"),
};

/** Seconds of CPU of a process and all that descend from it. */
function cpuOf(pid) {
  const rows = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "latin1").replace(/^.*\) /, "").split(" ");
      return [{ pid: Number(name), parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }];
    } catch {
      return [];
    }
  });
  const family = new Set([pid]);
  for (let grown = true; grown; ) {
    const more = rows.filter((row) => family.has(row.parent) && !family.has(row.pid));
    more.forEach((row) => family.add(row.pid));
    grown = more.length > 0;
  }
  return rows.filter((row) => family.has(row.pid)).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** A closed loop: so many REGISTERs are open at once, each answer starts the next. */
async function load(until) {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  await new Promise((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const open = new Map();
  const figures = { done: 0, bad: 0, lost: 0 };
  const send = () => {
    const turn = (next += 1);
    const user = `u${turn % AORS}`;
    const regId = 1 + (Math.floor(turn / AORS) % FLOWS);
    const cseq = 1 + Math.floor(turn / AORS / FLOWS);
    open.set(`${user}-${regId}@192.0.2.7 ${cseq}`, performance.now());
    socket.send(registerOctets(user, cseq, regId), EDGE_PORT, "127.0.0.1");
  };
  await new Promise((resolve) => {
    const end = () => {
      clearInterval(timer);
      resolve();
    };
    const fill = () => {
      while (open.size < WINDOW && !until(figures)) send();
      if (open.size === 0) end();
    };
    const timer = setInterval(() => {
      for (const [name, since] of open) {
        if (performance.now() - since < 1_000) continue;
        open.delete(name);
        figures.lost += 1;
      }
      fill();
    }, 100);
    socket.on("message", (octets) => {
      const text = octets.toString("latin1");
      const name = `${/^Call-ID: *(\S+)/im.exec(text)?.[1]} ${/^CSeq: *(\d+)/im.exec(text)?.[1]}`;
      if (!open.delete(name)) return;
      figures.done += 1;
      if (!text.startsWith("SIP/2.0 200")) figures.first ??= text.slice(0, text.indexOf("\r\n"));
      if (!text.startsWith("SIP/2.0 200")) figures.bad += 1;
      fill();
    });
    fill();
  });
  socket.close();
  return figures;
}

let next = 0;
async function once(start) {
  next = -1;
  const server = await start();
  try {
    // Every flow registers first, then refreshes are counted.
    await load(() => next + 1 >= AORS * FLOWS);
    const [cpu, begin] = [cpuOf(server.pid), performance.now()];
    const end = begin + Number(args.seconds) * 1_000;
    const figures = await load(() => performance.now() >= end);
    const seconds = (performance.now() - begin) / 1_000;
    return { ...figures, rate: figures.done / seconds, micros: ((cpuOf(server.pid) - cpu) * 1e6) / figures.done };
  } finally {
    await server.stop();
  }
}

const names = args.servers.split(",");
const runs = [];
for (let round = 0; round < Number(args.rounds); round += 1) {
  for (const name of names) runs.push({ round, name, ...(await once(SERVERS[name])) });
}
const rows = names.map((name) => {
  const own = runs.filter((run) => run.name === name);
  const sum = (field) => own.reduce((total, run) => total + run[field], 0);
  return [name, fixed(median(own.map(({ micros }) => micros)), 1), fixed(median(own.map(({ rate }) => rate)), 0), sum("lost"), sum("bad"), own[0]?.first ?? ""];
});
console.log(table(["registrar", "CPU us/REGISTER", "REGISTER/s", "lost", "bad", "the first bad answer"], rows));
writeFileSync(join(OUT, "registrar.json"), `${JSON.stringify({ machine: machine(), settings: args, runs }, null, 1)}\n`);
