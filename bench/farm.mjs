/**
 * Edges behind one name: what one hop more costs, in CPU and in latency, when a request reaches another edge than the one that has the flow; how
 * long a 430 takes when that edge is known to be dead; and how long `sluice where` takes.
 * `npm run bench -- farm [--rounds 3] [--flows 500]`
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "../scripts/lib/run.mjs";
import { optionsOver } from "./lib/compare.mjs";
import { CORE_PORT, EDGE_PORT, SLUICE_MAIN, startLogged } from "./lib/edges.mjs";
import { fixed, median, table } from "./lib/figures.mjs";
import { runLoad } from "./lib/load.mjs";
import { cpuOf } from "./lib/process-family.mjs";
import { save } from "./lib/results.mjs";
import { OUT } from "./lib/tools.mjs";

const TOKEN = "0123456789abcdef0123456789abcdef";
const CORE_SIDE = 26061;
const ADMIN = 26065;
const TRIES = 200;
const hostOf = (node) => `127.0.0.${node}`;

const args = optionsOver({ flows: "500", rounds: "3", seconds: "3", out: "farm" });
const edges = await Promise.all([1, 2].map(start));
const hops = [];
try {
  for (let round = 0; round < Number(args.rounds); round += 1)
    for (const window of ["1", "32"])
      for (const by of ["one", "other"]) hops.push({ window, by, ...(await hop(window, by === "one" ? "" : `${hostOf(2)}:${CORE_SIDE}`)) });
  const rows = ["1", "32"].flatMap((window) =>
    ["one", "other"].map((by) => {
      const own = hops.filter((each) => each.window === window && each.by === by);
      const of = (field) => fixed(median(own.map((each) => each[field])));
      return [window, by === "one" ? "has the flow" : "passes it on", of("p50_us"), of("p99_us"), of("cpu_us")];
    }),
  );
  const header = ["window", "the edge that gets it", "p50 us", "p99 us", "us of CPU an exchange, both edges"];
  console.log(`\nMESSAGEs of the core to ${args.flows} phones, UDP\n${table(header, rows)}`);
  const places = await where();
  const refusals = await refused();
  console.log(`\n${table(["", "median ms", "longest ms", "times"], [["GET /api/where", ...span(places.asked)], ["sluice where", ...span(places.commands)], ["node -e 0", ...span(places.bare)], ["sluice where less node -e 0", ...span(places.commands.map((command, at) => command - places.bare[at]))], ["430, its edge is dead", ...span(refusals)]])}`);
  save(args.out, { settings: args, hops, places, refusals });
} finally {
  for (const { child } of edges) child.kill("SIGKILL");
}

async function start(node) {
  const host = hostOf(node);
  const list = [1, 2].map((each) => `${each}=sip:${hostOf(each)}:${CORE_SIDE};transport=tcp;admin=${hostOf(each)}:${ADMIN}`).join(",");
  const env = {
    SLUICE_MODE: "edge",
    SLUICE_NODE: String(node),
    SLUICE_FARM: list,
    SLUICE_FLOW_KEYS: `1:${Buffer.alloc(32, 7).toString("base64")}`,
    SLUICE_LISTEN: `udp:${host}:${EDGE_PORT};advertise=127.0.0.1:${EDGE_PORT}`,
    SLUICE_CORE_LISTEN: `udp:${host}:${CORE_SIDE};advertise=127.0.0.1:${CORE_SIDE},tcp:${host}:${CORE_SIDE};advertise=127.0.0.1:${CORE_SIDE}`,
    SLUICE_UPSTREAM: `sip:127.0.0.1:${CORE_PORT}`,
    SLUICE_SHARDS: "1",
    SLUICE_STATE_DIR: join(OUT, `farm-${node}`),
    SLUICE_LOG_LEVEL: "info",
    SLUICE_ADMIN_LISTEN: `${host}:${ADMIN}`,
    SLUICE_ADMIN_TOKEN: TOKEN,
  };
  return startLogged(`farm-${node}`, process.execPath, [SLUICE_MAIN], env, { isUp: (log) => readFileSync(log, "utf8").includes("sluice is up") });
}

/** Requests of the core to phones of the first edge, which reach it or the other one. */
async function hop(window, by) {
  const before = cpuOfEdges();
  const figures = await runLoad({ edge: `${hostOf(1)}:${EDGE_PORT}`, workload: "terminate", flows: args.flows, window, seconds: args.seconds, by });
  if (figures === undefined) fail("the load produced no figures");
  return { p50_us: figures.p50_us, p99_us: figures.p99_us, done: figures.done, mismatched: figures.mismatched, cpu_us: ((cpuOfEdges() - before) * 1e6) / figures.done };
}

function cpuOfEdges() {
  return edges.reduce((sum, { pid }) => sum + cpuOf(pid), 0);
}

/** A phone that the first edge has, asked for at the second. */
async function where() {
  const { phone, core } = await registered();
  const [asked, commands] = [[], []];
  for (let i = 0; i < 50; i += 1) {
    const from = performance.now();
    const answer = await fetch(`http://${hostOf(2)}:${ADMIN}/api/where/bench@example.com`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const { flows } = await answer.json();
    asked.push(performance.now() - from);
    if (flows.length !== 1 || flows[0].node !== 1) fail("the farm does not find its phone");
  }
  const bare = [];
  for (let i = 0; i < 11; i += 1) {
    bare.push(await timed(["-e", "0"]));
    commands.push(await timed([SLUICE_MAIN, "where", "bench@example.com", "--admin", `${hostOf(2)}:${ADMIN}`]));
  }
  phone.close();
  core.close();
  return { asked, commands, bare };
}

/** Milliseconds that a program of Node takes. */
async function timed(args) {
  const from = performance.now();
  const [status] = await once(spawn(process.execPath, args, { stdio: "ignore", env: { ...process.env, SLUICE_ADMIN_TOKEN: TOKEN } }), "exit");
  if (status !== 0) fail(`${args.join(" ")} failed`);
  return performance.now() - from;
}

/** The first edge dies; what the second one says about a phone of it, once it knows. */
async function refused() {
  const { phone, core, routes } = await registered();
  edges[0].child.kill("SIGKILL");
  await once(edges[0].child, "exit");
  const times = [];
  for (let i = 0; i < TRIES; i += 1) {
    const request = ["MESSAGE sip:bench@example.com SIP/2.0", `Via: SIP/2.0/UDP 127.0.0.1:${CORE_PORT};branch=z9hG4bK-dead-${i}`, ...routes, "From: <sip:a@example.com>;tag=a", "To: <sip:bench@example.com>", `Call-ID: dead-${i}`, "CSeq: 1 MESSAGE", "Max-Forwards: 70", "Content-Length: 0", "", ""].join("\r\n");
    const from = performance.now();
    const answer = heard(core, `Call-ID: dead-${i}\r\n`);
    core.send(request, CORE_SIDE, hostOf(2));
    if (!(await answer).startsWith("SIP/2.0 430")) fail(`a phone of a dead edge: ${await answer}`);
    // The first one tells the edge that its neighbour is gone.
    if (i > 0) times.push(performance.now() - from);
  }
  phone.close();
  core.close();
  return times;
}

/** A phone at the first edge, and where the core finds it. */
async function registered() {
  const [phone, core] = [createSocket("udp4"), createSocket("udp4")];
  core.bind(CORE_PORT, "127.0.0.1");
  phone.bind(0, "127.0.0.1");
  await Promise.all([once(core, "listening"), once(phone, "listening")]);
  const own = `127.0.0.1:${phone.address().port}`;
  const asked = heard(core, "REGISTER sip:");
  const answered = heard(phone, "SIP/2.0 200");
  phone.send(["REGISTER sip:example.com SIP/2.0", `Via: SIP/2.0/UDP ${own};branch=z9hG4bK-${performance.now()};rport`, "From: <sip:bench@example.com>;tag=a", "To: <sip:bench@example.com>", `Call-ID: ${performance.now()}`, "CSeq: 1 REGISTER", "Max-Forwards: 70", "Supported: path, outbound", `Contact: <sip:bench@${own}>;reg-id=1;+sip.instance="<urn:uuid:bench>"`, "Content-Length: 0", "", ""].join("\r\n"), EDGE_PORT, hostOf(1));
  const request = await asked;
  const lines = request.split("\r\n");
  const kept = lines.filter((line) => /^(?:via|from|to|call-id|cseq|path):/i.test(line));
  core.send(["SIP/2.0 200 OK", ...kept, `Contact: <sip:bench@${own}>;reg-id=1;+sip.instance="<urn:uuid:bench>";expires=600`, "Content-Length: 0", "", ""].join("\r\n"), CORE_SIDE, hostOf(1));
  await answered;
  return { phone, core, routes: lines.filter((line) => /^path:/i.test(line)).map((line) => line.replace(/^path:/i, "Route:")) };
}

/** The next message with these octets. */
function heard(socket, octets) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no message with ${octets.trim()} within 5 s`)), 5_000);
    const hear = (message) => {
      const text = message.toString("latin1");
      if (!text.includes(octets)) return;
      clearTimeout(late);
      socket.off("message", hear);
      resolve(text);
    };
    socket.on("message", hear);
  });
}

function span(times) {
  return [fixed(median(times)), fixed(Math.max(...times)), times.length];
}
