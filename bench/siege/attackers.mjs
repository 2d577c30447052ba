/** The attackers of the siege: each kind in turn, at the pace that the benchmark asks for, from addresses that no good phone has. */
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { kinds } from "./attacks.mjs";
import { ATTACKERS_LAST, runAt } from "./priority.mjs";

const setting = JSON.parse(process.argv[2]);
runAt(setting.nice ?? ATTACKERS_LAST);
const { ports, core, admin } = setting;
const SOURCES = 200;
const CONNECTIONS = 400;
const TURN_MS = 10;

const state = { sent: {}, octetsSent: 0, octetsReceived: 0, breaches: [], amplification: 0 };
let pace = 0;
let overheard;
process.on("message", (message) => {
  pace = message.pace ?? pace;
  overheard = message.overheard ?? overheard;
  if (message.attacks !== undefined) [all, state.sent] = [named(message.attacks), {}];
});
process.on("disconnect", () => process.exit(0));
setInterval(() => process.connected && process.send(state), 500);

function breach(what) {
  if (state.breaches.length < 20 && !state.breaches.includes(what)) state.breaches.push(what);
}

/** Datagrams from many addresses. `quiet` sources never answer, just as a spoofed one could not: they prove nothing. */
function datagramSource(number) {
  const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 20 });
  const source = { socket, at: "", sent: 0, received: 0, kind: "udp" };
  socket.on("error", () => undefined);
  socket.on("message", (octets) => {
    source.received += octets.length;
    heard(octets.toString("latin1"), source);
  });
  const host = `127.200.${number >> 7}.${2 + (number & 127)}`;
  socket.bind(0, host, () => (source.at = `${host}:${socket.address().port}`));
  source.send = (octets) => {
    source.sent += octets.length;
    socket.send(octets, ports.udp, "127.0.0.1");
  };
  return source;
}

/** What comes back to attackers. A success where there must not be one is a breach. */
const waiting = new Map();
function heard(text, source) {
  const id = /^(?:Call-ID|i)\s*:\s*(\S+)/im.exec(text)?.[1];
  const nonce = /nonce="([^"]+)"/.exec(text)?.[1];
  if (nonce !== undefined) source.nonce = nonce;
  const status = Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
  if (id === undefined || status < 200) return;
  const may = waiting.get(id);
  waiting.delete(id);
  if (may !== undefined && status < 300) breach(`${may} was answered ${status}`);
}

/** A trunk that nobody without credentials may reach. */
const trunk = createSocket("udp4");
trunk.on("message", (octets) => {
  const text = octets.toString("latin1");
  if (text.startsWith("OPTIONS")) {
    const lines = text.split("\r\n").filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/i.test(line));
    return trunk.send(["SIP/2.0 200 OK", ...lines, "Content-Length: 0", "", ""].join("\r\n"), ports.udp, "127.0.0.1");
  }
  breach(`the trunk got ${text.slice(0, text.indexOf("\r\n"))}`);
});
trunk.bind(core, "127.0.0.1");

const sources = Array.from({ length: SOURCES }, (_, number) => datagramSource(number));
const connections = [];

/** Opens another connection; the oldest goes. */
function dial(port, octets, source) {
  const socket = connect({ port, host: "127.0.0.1", localAddress: source.split(":")[0] });
  socket.on("error", () => undefined);
  socket.on("data", (data) => heard(data.toString("latin1"), {}));
  socket.on("connect", () => octets.length > 0 && socket.write(octets));
  connections.push(socket);
  if (connections.length > CONNECTIONS) connections.shift().destroy();
}

const tools = {
  ...setting,
  admin,
  overheard: () => overheard,
  /** A call that must fail: a success is a breach. */
  mustFail: (id, what) => {
    waiting.set(id, what);
    if (waiting.size > 5_000) waiting.delete(waiting.keys().next().value);
  },
  md5: (text) => createHash("md5").update(text).digest("hex"),
  dial,
};

function named(attacks) {
  const wanted = attacks.split(",");
  return Object.entries(kinds).filter(([name]) => attacks === "all" || wanted.includes(name));
}
let all = named(setting.attacks);
let turn = 0;
let owed = 0;
setInterval(() => {
  owed = Math.min(owed + (pace * TURN_MS) / 1_000, pace);
  const end = performance.now() + TURN_MS;
  for (; owed >= 1 && performance.now() < end; owed -= 1) {
    const [name, attack] = all[turn % all.length];
    const source = sources[Math.floor(turn / all.length) % SOURCES];
    turn += 1;
    if (source.at === "") continue;
    attack(source, tools, turn);
    state.sent[name] = (state.sent[name] ?? 0) + 1;
  }
  // Over a whole run and including UDP overhead; retransmitted responses count too.
  state.amplification = Math.max(...sources.map(({ sent, received }) => (sent > 100_000 ? received / sent : 0)));
}, TURN_MS);
