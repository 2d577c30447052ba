/**
 * A registrar's CPU per REGISTER that refreshes a flow and per INVITE that finds one, and its memory per binding: Kamailio with bindings in
 * memory and Sluice with bindings on disk, alternating.
 * `npm run bench -- registrar [--aors 100000] [--seconds 5] [--rounds 3]`
 */
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../scripts/lib/run.mjs";
import { EDGE_PORT, SLUICE_MAIN, startPinned } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { machine } from "./lib/machine.mjs";
import { cpuOf, memoryOf } from "./lib/process-family.mjs";
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
      // All calls come from one client address, which would soon have used up its share.
      SLUICE_MAX_PENDING: "1000000",
      SLUICE_MAX_PENDING_PER_SOURCE: "1000000",
      SLUICE_STATE_DIR: temporaryFolder(),
      SLUICE_LOG_LEVEL: "warn",
      SLUICE_ADMIN_LISTEN: "off",
    }, "udp"),
};

/** The edge of all flows, the phones behind it, and their callers: one socket. */
class Neighbour {
  #socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
  #open = new Map();
  #figures = { done: 0, bad: 0, lost: 0 };
  #onAnswer = () => undefined;

  async open() {
    await new Promise((resolve) => this.#socket.bind(0, "127.0.0.1", resolve));
    this.#socket.on("message", (octets) => this.#receive(octets.toString("latin1")));
    return this;
  }

  close() {
    this.#socket.close();
  }

  /** A closed loop: a fixed number of requests is open, each response starts the next. `make` returns the octets, the Call-ID and the CSeq number. */
  run(until, expected, make) {
    const figures = (this.#figures = { done: 0, bad: 0, lost: 0, expected });
    return new Promise((resolve) => {
      const send = () => {
        const { octets, name } = make(`127.0.0.1:${this.#socket.address().port}`);
        this.#open.set(name, performance.now());
        this.#socket.send(octets, EDGE_PORT, "127.0.0.1");
      };
      const fill = () => {
        while (this.#open.size < WINDOW && !until(figures)) send();
        if (this.#open.size > 0) return;
        clearInterval(timer);
        resolve(figures);
      };
      const timer = setInterval(() => {
        for (const [name, since] of this.#open) {
          if (performance.now() - since < 2_000) continue;
          this.#open.delete(name);
          figures.lost += 1;
        }
        fill();
      }, 100);
      this.#onAnswer = fill;
      fill();
    });
  }

  #receive(text) {
    if (text.startsWith("INVITE")) return this.#reply(text);
    if (!text.startsWith("SIP/2.0") || text.startsWith("SIP/2.0 1")) return;
    if (/^CSeq:.*INVITE/im.test(text)) this.#reply(text);
    const name = `${/^Call-ID: *(\S+)/im.exec(text)?.[1]} ${/^CSeq: *(\d+)/im.exec(text)?.[1]}`;
    if (!this.#open.delete(name)) return;
    const figures = this.#figures;
    figures.done += 1;
    if (!text.startsWith(`SIP/2.0 ${figures.expected}`)) {
      figures.bad += 1;
      figures.first ??= text.slice(0, text.indexOf("\r\n"));
    }
    this.#onAnswer();
  }

  /** 486 to an INVITE; to a final response the ACK, with the remaining Via. */
  #reply(text) {
    const lines = text.split("\r\n").filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/i.test(line));
    const isInvite = text.startsWith("INVITE");
    const start = isInvite ? "SIP/2.0 486 Busy Here" : `ACK ${/^To: *<([^>]*)>/im.exec(text)?.[1]} SIP/2.0`;
    const own = lines.map((line) => (isInvite ? (/^To:/i.test(line) ? `${line};tag=busy` : line) : line.replace(/^(CSeq: *\d+) INVITE/i, "$1 ACK")));
    this.#socket.send([start, ...own, "Max-Forwards: 70", "Content-Length: 0", "", ""].join("\r\n"), EDGE_PORT, "127.0.0.1");
  }
}

function nextRegister(edge) {
  const turn = (next += 1);
  const user = `u${turn % AORS}`;
  const regId = 1 + (Math.floor(turn / AORS) % FLOWS);
  const cseq = 1 + Math.floor(turn / AORS / FLOWS);
  return { octets: registerOctets(user, cseq, regId, edge), name: `${user}-${regId}@192.0.2.7 ${cseq}` };
}

function nextInvite(edge) {
  const turn = (next += 1);
  const user = `u${(turn * 7) % AORS}`;
  const octets = Buffer.from(
    `INVITE sip:${user}@example.org SIP/2.0\r\nVia: SIP/2.0/UDP ${edge};branch=z9hG4bKinvite${turn};rport\r\nMax-Forwards: 70\r\n` +
      `From: <sip:caller@elsewhere.example>;tag=${turn}\r\nTo: <sip:${user}@example.org>\r\nCall-ID: call-${turn}@192.0.2.9\r\nCSeq: 1 INVITE\r\n` +
      `Contact: <sip:caller@192.0.2.9>\r\nContent-Length: 0\r\n\r\n`,
    "latin1",
  );
  return { octets, name: `call-${turn}@192.0.2.9 1` };
}

let next = 0;
async function once(start) {
  next = -1;
  const server = await start();
  const neighbour = await new Neighbour().open();
  const measured = async (expected, make) => {
    const [cpu, begin] = [cpuOf(server.pid), performance.now()];
    const figures = await neighbour.run(() => performance.now() >= begin + Number(args.seconds) * 1_000, expected, make);
    return { ...figures, rate: (figures.done / (performance.now() - begin)) * 1_000, micros: ((cpuOf(server.pid) - cpu) * 1e6) / figures.done };
  };
  try {
    // Every flow registers first, then refreshes and calls are measured. The cost of an empty store is in the first tenth.
    await neighbour.run(() => next + 1 >= (AORS * FLOWS) / 10, 200, nextRegister);
    const before = memoryOf(server.pid);
    await neighbour.run(() => next + 1 >= AORS * FLOWS, 200, nextRegister);
    const octets = ((memoryOf(server.pid) - before) * 1_024) / (AORS * FLOWS * 0.9);
    return { octets, register: await measured(200, nextRegister), invite: await measured(486, nextInvite) };
  } finally {
    neighbour.close();
    await server.stop();
  }
}

const names = args.servers.split(",");
const runs = [];
for (let round = 0; round < Number(args.rounds); round += 1) {
  for (const name of names) runs.push({ round, name, ...(await once(SERVERS[name])) });
}
const rows = names.flatMap((name) =>
  ["register", "invite"].map((workload) => {
    const own = runs.filter((run) => run.name === name);
    const of = own.map((run) => run[workload]);
    const sum = (field) => of.reduce((total, figures) => total + figures[field], 0);
    const memory = workload === "register" ? fixed(median(own.map(({ octets }) => octets)), 0) : "";
    return [`${name}, ${workload}`, fixed(median(of.map(({ micros }) => micros)), 1), fixed(median(of.map(({ rate }) => rate)), 0), memory, sum("lost"), sum("bad"), of[0]?.first ?? ""];
  }),
);
console.log(table(["registrar", "CPU us each", "each second", "octets a binding", "lost", "bad", "the first bad answer"], rows));
writeFileSync(join(OUT, "registrar.json"), `${JSON.stringify({ machine: machine(), settings: args, runs }, null, 1)}\n`);
