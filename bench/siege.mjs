/**
 * Siege: good phones over every transport next to attackers who keep one core busy. Nothing good may be lost, nothing hostile may get
 * through, and memory must stay flat. Exits with 1 if one of these fails.
 * `npm run bench -- siege [--minutes 20] [--phones 200] [--busy 1]`
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { EDGE_PORT, CORE_PORT, SLUICE_MAIN, startPinned } from "./lib/edges.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { machine } from "./lib/machine.mjs";
import { cpuOf, memoryOf } from "./lib/process-family.mjs";
import { OUT, certificate } from "./lib/tools.mjs";
import { temporaryFolder } from "./lib/temporary-folder.mjs";

const { values: args } = parseArgs({
  options: {
    minutes: { type: "string", default: "20" },
    phones: { type: "string", default: "200" },
    // Cores that the server uses while under attack: the attackers adapt their rate.
    busy: { type: "string", default: "1" },
    attacks: { type: "string", default: "all" },
  },
});
const [MINUTES, PHONES, BUSY] = [args.minutes, args.phones, args.busy].map(Number);
const SETTLE_SECONDS = 60;
const DOMAIN = "example.org";
const ADMIN_PORT = EDGE_PORT + 9;
const TRANSPORTS = ["udp", "tcp", "tls", "ws", "wss"];
const PASSWORD = "correct horse";

const state = temporaryFolder();
const users = join(state, "users.htdigest");
const names = [...Array.from({ length: PHONES }, (_, index) => `phone${index}`), "mallory"];
mkdirSync(state, { recursive: true });
writeFileSync(users, names.map((name) => `${name}:${DOMAIN}:${createHash("md5").update(`${name}:${DOMAIN}:${PASSWORD}`).digest("hex")}\n`).join(""), { mode: 0o600 });
const { cert, key } = certificate();
const ports = Object.fromEntries(TRANSPORTS.map((transport, index) => [transport, EDGE_PORT + index]));

const server = await startPinned("siege", process.execPath, [SLUICE_MAIN], {
  SLUICE_MODE: "standalone",
  SLUICE_LISTEN: TRANSPORTS.map((transport) => `${transport}:127.0.0.1:${ports[transport]}`).join(","),
  SLUICE_DOMAINS: DOMAIN,
  SLUICE_AUTH: `file:${users}`,
  SLUICE_AUTH_ALGORITHMS: "md5",
  SLUICE_UPSTREAM: `sip:127.0.0.1:${CORE_PORT}`,
  SLUICE_TLS_CERT: cert,
  SLUICE_TLS_KEY: key,
  SLUICE_SHARDS: "2",
  SLUICE_STATE_DIR: join(state, "state"),
  SLUICE_LOG_LEVEL: "warn",
  SLUICE_DRAIN_SECONDS: "0",
  SLUICE_ADMIN_LISTEN: `127.0.0.1:${ADMIN_PORT}`,
}, "udp", "ignore", "0,1");

const setting = { ports, domain: DOMAIN, password: PASSWORD, phones: PHONES, core: CORE_PORT, admin: ADMIN_PORT, attacks: args.attacks };
const start = (file) => fork(join(import.meta.dirname, "siege", file), [JSON.stringify(setting)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
const children = [];
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")));

let good = { done: 0, lost: 0, wrong: 0, breaches: [], late: [], registered: 0 };
let bad = { sent: {}, octetsSent: 0, octetsReceived: 0, breaches: [], amplification: 0 };
const phones = start("phones.mjs");
children.push(phones);
phones.on("message", (message) => (good = message));
await until(() => good.registered === PHONES, 60_000, "the good phones register");
const before = { memory: memoryOf(server.pid) };

const attackers = start("attackers.mjs");
children.push(attackers);
attackers.on("message", (message) => (bad = message));
// An eavesdropper can use what a phone receives.
phones.on("message", ({ overheard }) => overheard && attackers.connected && attackers.send({ overheard }));

const minutes = [];
let pace = 200;
let seen = { cpu: cpuOf(server.pid), done: 0, at: performance.now() };
for (let second = 1; second <= MINUTES * 60 && server.child.exitCode === null; second += 1) {
  await sleep(1_000);
  const now = performance.now();
  const busy = (cpuOf(server.pid) - seen.cpu) / ((now - seen.at) / 1_000);
  seen = { ...seen, cpu: cpuOf(server.pid), at: now };
  pace = Math.max(50, Math.min(100_000, pace * Math.max(0.8, Math.min(1.25, BUSY / Math.max(busy, 0.05)))));
  attackers.send({ pace });
  if (second % 60 === 0 || second === MINUTES * 60) minutes.push(minuteOf(second / 60, busy));
}
attackers.disconnect();
attackers.kill("SIGTERM");
const alive = server.child.exitCode === null;
if (alive) await sleep(SETTLE_SECONDS * 1_000);
const after = alive ? memoryOf(server.pid) : 0;
phones.send({ end: true });
await sleep(alive ? 9_000 : 100);
const metrics = alive ? await (await fetch(`http://127.0.0.1:${ADMIN_PORT}/metrics`)).text() : "";
const exit = await stopped();

/** The state at the end of a minute, printed immediately. */
function minuteOf(minute, busy) {
  const row = {
    minute: Math.round(minute * 10) / 10,
    attacks: Object.values(bad.sent).reduce((sum, count) => sum + count, 0),
    busy,
    memory: memoryOf(server.pid) / 1_024,
    done: good.done,
    lost: good.lost + good.wrong,
    p50: percentile(good.late, 0.5),
    p99: percentile(good.late, 0.99),
    breaches: good.breaches.length + bad.breaches.length,
  };
  process.stdout.write(`${JSON.stringify(row)}\n`);
  return row;
}

function percentile(values, share) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

async function until(check, milliseconds, what) {
  for (let waited = 0; !check(); waited += 100) {
    if (waited > milliseconds || server.child.exitCode !== null) throw new Error(`not in time: ${what}; see ${server.log}`);
    await sleep(100);
  }
}

/** How the server ended; 0: SIGTERM ended it in time. */
async function stopped() {
  children.forEach((child) => child.kill("SIGTERM"));
  await server.stop();
  return server.child.exitCode;
}

const header = ["minute", "attacks", "cores busy", "MiB", "good done", "lost", "p50 ms", "p99 ms", "breaches"];
console.log(`\n${table(header, minutes.map((row) => [row.minute, row.attacks, fixed(row.busy), fixed(row.memory, 0), row.done, row.lost, fixed(row.p50, 1), fixed(row.p99, 1), row.breaches]))}\n`);
console.log(table(["attack", "times"], Object.entries(bad.sent)));
const faults = [];
if (!alive || exit !== 0) faults.push(`the server ended with ${exit}: see ${server.log}`);
if (good.lost + good.wrong > 0) faults.push(`${good.lost} good requests got no answer, ${good.wrong} a wrong one: ${(good.firstWrong ?? []).join("; ")}`);
for (const breach of new Set([...good.breaches, ...bad.breaches])) faults.push(breach);
const flat = minutes.at(Math.min(2, minutes.length - 1))?.memory ?? NaN;
const end = after / 1_024;
console.log(`\nmemory: ${fixed(before.memory / 1_024, 0)} MiB before, ${fixed(flat, 0)} in the third minute, ${fixed(end, 0)} a minute after the end`);
if (end > flat * 1.1 && end > (before.memory / 1_024) * 1.1) faults.push(`memory is ${fixed(end, 0)} MiB a minute after the attack, ${fixed(flat, 0)} in its third minute`);
if (bad.amplification > 3) faults.push(`a source that proved nothing got ${fixed(bad.amplification, 1)} times the octets that it sent`);
console.log(faults.length === 0 ? "\nthe siege is over: nothing was lost, nobody got in" : `\n${faults.length} faults:\n- ${faults.join("\n- ")}`);
writeFileSync(join(OUT, "siege.json"), `${JSON.stringify({ machine: machine(), settings: args, minutes, sent: bad.sent, faults, turns: metrics.match(/^sluice_turn_seconds.*$/gm) ?? [], log: readFileSync(server.log, "utf8").slice(-4_000) }, null, 1)}\n`);
process.exit(faults.length === 0 ? 0 : 1);
