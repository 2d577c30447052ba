/** What TLS and WebSocket cost beside TCP: CPU of the edge for each message, and memory of an idle flow, in turn over each layer. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { CORE_PORT, EDGE_PORT, SLUICE_MAIN, sluiceEnvironment, startPinned } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { openClients, startCore } from "./lib/node-clients.mjs";
import { save } from "./lib/results.mjs";
import { OUT } from "./lib/tools.mjs";

const { values: args } = parseArgs({
  options: {
    layers: { type: "string", default: "tcp,ws,tls,wss" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    clients: { type: "string", default: "256" },
    idle: { type: "string", default: "4000" },
    held: { type: "string", default: "10000" },
    handshakes: { type: "string", default: "1000" },
  },
});
const LAYERS = args.layers.split(",");
const TENTH = 10;

const [certificate, key] = [join(OUT, "layers.pem"), join(OUT, "layers.key")];
execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=bench"], { stdio: "ignore" });

const core = await startCore(CORE_PORT);
const runs = [];
for (let round = 0; round < Number(args.rounds); round += 1) {
  // TCP at both ends: what its two runs differ by is the noise.
  for (const layer of [...LAYERS, LAYERS[0]]) runs.push({ round, layer, cost: await costOf(layer) });
}
const idle = [];
for (const layer of LAYERS) idle.push({ layer, octets: await idleOctets(layer) });
const held = await heldLatency("wss");
core.stop();
const handshakes = [];
for (let round = 0; round < Number(args.rounds); round += 1) {
  handshakes.push({ round, edge: await handshakeCost(() => start("tls")), bare: await handshakeCost(startBare) });
}

const of = (layer) => runs.filter((run) => run.layer === layer).map(({ cost }) => cost);
const base = median(of(LAYERS[0]));
const ends = Array.from({ length: Number(args.rounds) }, (_, round) => of(LAYERS[0]).slice(2 * round, 2 * round + 2));
const noise = median(ends.map(([first, last]) => Math.abs(first / last - 1)));
const rows = LAYERS.map((layer) => ({ layer, cost: median(of(layer)), ratio: median(of(layer)) / base, idle: idle.find((one) => one.layer === layer)?.octets ?? NaN }));
process.stdout.write(`\n${args.clients} clients, 700 octets, MESSAGE and 200, UDP core; idle: ${args.idle} flows\n`);
process.stdout.write(`${table(["layer", "us/message", "x tcp", "octets of an idle flow"], rows.map((row) => [row.layer, fixed(row.cost), fixed(row.ratio), fixed(row.idle, 0)]))}\n`);
process.stdout.write(`noise: ${LAYERS[0]} differs from itself by ${fixed(100 * noise, 1)} %\n`);
process.stdout.write(`${args.held} idle WSS flows, 1,000 exchanges a second: p50 ${fixed(held.p50)} ms, p99 ${fixed(held.p99)} ms, ${held.lost} lost\n`);
const handshake = { edge: median(handshakes.map(({ edge }) => edge)), bare: median(handshakes.map(({ bare }) => bare)), ratio: median(handshakes.map(({ edge, bare }) => edge / bare)) };
process.stdout.write(`full handshake, ECDSA P-256: ${fixed(handshake.edge, 0)} us, openssl s_server ${fixed(handshake.bare, 0)} us, ratio ${fixed(handshake.ratio)}\n`);
save("layers", { settings: args, rows, noise, runs, held, handshake, handshakes });

function start(layer) {
  return startPinned(
    "layers",
    process.execPath,
    [SLUICE_MAIN],
    {
      ...sluiceEnvironment("tcp", "udp"),
      SLUICE_LISTEN: `${layer}:127.0.0.1:${EDGE_PORT}`,
      SLUICE_TLS_CERT: certificate,
      SLUICE_TLS_KEY: key,
      SLUICE_MAX_FLOWS: "19000",
      SLUICE_FIRST_MESSAGE_SECONDS: "3600",
    },
    "tcp",
  );
}

/** Microseconds of CPU for each message, all clients sending at once and waiting for all answers. */
async function costOf(layer) {
  const edge = await start(layer);
  const clients = await openClients(layer, EDGE_PORT, Number(args.clients));
  const everybody = () => Promise.all(clients.map((client) => client.exchange()));
  for (let turn = 0; turn < 20; turn += 1) await everybody();
  const before = cpuNanoseconds(edge.pid);
  const end = performance.now() + Number(args.seconds) * 1_000;
  let messages = 0;
  for (; performance.now() < end; messages += 2 * clients.length) await everybody();
  const cost = (cpuNanoseconds(edge.pid) - before) / messages / 1_000;
  for (const client of clients) client.close();
  await edge.stop();
  return cost;
}

/** Between a tenth of the flows and all of them: what is allocated once for all does not count, nor the kernel's sockets. */
async function idleOctets(layer) {
  const edge = await start(layer);
  const count = Number(args.idle);
  const clients = await openClients(layer, EDGE_PORT, count / TENTH);
  await sleep(1_000);
  const few = proportionalOctets(edge.pid);
  clients.push(...(await openClients(layer, EDGE_PORT, count - clients.length)));
  await sleep(1_000);
  const octets = (proportionalOctets(edge.pid) - few) / (count - count / TENTH);
  for (const client of clients) client.close();
  await edge.stop();
  return octets;
}

/** Round trips of a hundred clients at 1,000 a second, open loop, beside many flows that are idle. */
async function heldLatency(layer) {
  const edge = await start(layer);
  const idle = await openClients(layer, EDGE_PORT, Number(args.held) - 100);
  const active = await openClients(layer, EDGE_PORT, 100);
  const times = [];
  let sent = 0;
  const end = performance.now() + Number(args.seconds) * 1_000;
  for (let next = performance.now(); next < end; next += 1) {
    const wait = next - performance.now();
    if (wait > 0.5) await sleep(wait);
    const client = active[sent % active.length];
    const at = performance.now();
    sent += 1;
    client.exchange().then(() => times.push(performance.now() - at));
  }
  await sleep(1_000);
  for (const client of [...idle, ...active]) client.close();
  await edge.stop();
  times.sort((one, other) => one - other);
  const percentile = (share) => times[Math.floor(share * (times.length - 1))];
  return { p50: percentile(0.5), p99: percentile(0.99), lost: sent - times.length };
}

/** Microseconds of CPU for a full TLS 1.3 handshake with a new client each time. */
async function handshakeCost(startServer) {
  const server = await startServer();
  const many = async (count) => {
    // One by one, for s_server takes no second client before the first has left.
    for (let done = 0; done < count; done += 1) {
      const [client] = await openClients("tls", EDGE_PORT, 1);
      client.close();
    }
  };
  await many(100);
  const before = cpuNanoseconds(server.pid);
  await many(Number(args.handshakes));
  const cost = (cpuNanoseconds(server.pid) - before) / Number(args.handshakes) / 1_000;
  await server.stop();
  return cost;
}

function startBare() {
  return startPinned("openssl", "openssl", ["s_server", "-quiet", "-accept", `127.0.0.1:${EDGE_PORT}`, "-cert", certificate, "-key", key], {}, "tcp", "pipe");
}

function cpuNanoseconds(pid) {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0]), 0);
}

function proportionalOctets(pid) {
  return 1024 * Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"))?.[1]);
}
