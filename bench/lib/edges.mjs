/** The compared edges. Each starts on CPU 0, for one pair of transports, with one worker. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, fail, has, outputOf } from "../../scripts/lib/run.mjs";
import { OUT, certificate, program } from "./tools.mjs";

export const EDGE_PORT = 26060;
export const CORE_PORT = 26070;
const EDGE_CORE_PORT = 26061;
export const SLUICE_MAIN = join(ROOT, "dist/main.js");

/** The transport beneath each client transport: the floor does not speak WebSocket, so its clients do not use it. */
const BENEATH = { udp: "udp", tcp: "tcp", ws: "tcp", tls: "tls", wss: "tls", mixed: "tls" };
/** As in native/bench/lib/engine.h. */
const MIXED = ["tcp", "ws", "tls", "wss", "udp"];
const MIXED_PORT = EDGE_PORT + 20;
const isSecure = (client) => BENEATH[client] === "tls";
const isWebSocket = (client) => client.startsWith("ws");
const socketOf = (client) => (client === "udp" ? "udp" : "tcp");

export function sluiceEnvironment(client, core, workers = 1) {
  const { cert, key } = isSecure(client) ? certificate() : {};
  return {
    SLUICE_MODE: "edge",
    SLUICE_LISTEN: client === "mixed" ? MIXED.map((transport, at) => `${transport}:127.0.0.1:${MIXED_PORT + at}`).join(",") : `${client}:127.0.0.1:${EDGE_PORT}`,
    SLUICE_CORE_LISTEN: `${core}:127.0.0.1:${EDGE_CORE_PORT}`,
    SLUICE_UPSTREAM: `sip:127.0.0.1:${CORE_PORT};transport=${core}`,
    ...(cert !== undefined && { SLUICE_TLS_CERT: cert, SLUICE_TLS_KEY: key }),
    SLUICE_SHARDS: String(workers),
    SLUICE_STATE_DIR: join(OUT, "state"),
    SLUICE_LOG_LEVEL: "warn",
    // Do not wait for ongoing calls at the end.
    SLUICE_DRAIN_SECONDS: "0",
    // A fair comparison: the others have no admin plane either.
    SLUICE_ADMIN_LISTEN: "off",
  };
}

function kamailio(config) {
  return {
    missing: (clients) => {
      const modules = ["kamailio", "kamailio-outbound-modules"];
      if (clients.some(isSecure)) modules.push("kamailio-tls-modules");
      if (clients.some(isWebSocket)) modules.push("kamailio-websocket-modules");
      const there = has("kamailio") && outputOf("dpkg-query", ["-W", ...modules]) !== undefined;
      return there || (has("kamailio") && !has("dpkg-query")) ? undefined : `Kamailio is missing or lacks modules: apt-get install -y ${modules.join(" ")}`;
    },
    command(client, core, { workers }) {
      const defines = [`WORKERS=${workers}`, `LISTEN_PORT=${EDGE_PORT}`, `CORE_SIDE_PORT=${EDGE_CORE_PORT}`, "CORE_HOST=127.0.0.1", `CORE_PORT=${CORE_PORT}`];
      defines.push(`CORE_URI="sip:127.0.0.1:${CORE_PORT};transport=${core}"`);
      for (const socket of new Set([socketOf(client), core])) defines.push(`WITH_${socket.toUpperCase()}`);
      if (isSecure(client)) {
        const { cert, key } = certificate();
        defines.push("WITH_TLS", `TLS_CERT="${cert}"`, `TLS_KEY="${key}"`);
      }
      if (isWebSocket(client)) defines.push("WITH_WS");
      if (client !== "udp") defines.push("WITH_STREAM_CLIENTS");
      if (core === "tcp") defines.push("WITH_TCP_CORE");
      const run = join(OUT, "kamailio");
      mkdirSync(run, { recursive: true });
      // Among the allocators, compared in turn, TLSF for both was as cheap as any. 15,000 flows over WSS do not fit in 1 GiB.
      const memory = ["-x", "tlsf", "-X", "tlsf", "-m", String(Math.min(4096, Math.floor(totalmem() / 2 ** 22)))];
      const file = join(ROOT, "bench/kamailio", `${config}.cfg`);
      const args = ["-DD", "-E", "-f", file, "-Y", run, "-P", join(run, "pid")];
      return { file: "kamailio", args: [...args, ...memory, ...defines.flatMap((define) => ["-A", define])] };
    },
  };
}

function sluice(more = {}) {
  return {
    missing: () => (existsSync(SLUICE_MAIN) ? undefined : "Sluice is not built: npm run build"),
    command: (client, core, { workers }) => ({ file: process.execPath, args: [SLUICE_MAIN], env: { ...sluiceEnvironment(client, core, workers), ...more } }),
  };
}

export const EDGES = {
  floor: {
    bare: true,
    clientOf: (client) => BENEATH[client],
    missing: () => undefined,
    command(client, core, { size }) {
      const { cert, key } = isSecure(client) ? certificate() : { cert: "", key: "" };
      const addresses = ["--listen", `127.0.0.1:${EDGE_PORT}`, "--core", `127.0.0.1:${CORE_PORT}`];
      return { file: program("relay_floor"), args: ["--client", BENEATH[client], "--core-leg", core, ...addresses, "--size", String(size), "--cert", cert, "--key", key] };
    },
  },
  sluice: sluice(),
  "sluice-keeper": { byName: true, ...sluice({ SLUICE_KEEPER: "on" }) },
  "kamailio-stateless": kamailio("stateless"),
  "kamailio-stateful": kamailio("stateful"),
};

/** Starts an edge and waits until its port is open. `options`: `size` of messages, `workers` (two of them share both CPUs with the load). */
export async function startEdge(name, client, core, options) {
  const { file, args, env = {} } = EDGES[name].command(client, core, options);
  return startPinned(name, file, args, env, client, "ignore", options.workers > 1 ? "0,1" : "0");
}

export async function startPinned(name, file, args, env, client, stdio = "ignore", cpus = "0") {
  await portFree(client);
  const edge = await startLogged(name, file, args, env, { stdio, cpus, isUp: () => portOpen(client) });
  // The port is open before the worker reads from it.
  await sleep(400);
  return edge;
}

/** A process that is up when `isUp(log)` says so; it writes to build/bench/NAME.log, and ends with this one. */
export async function startLogged(name, file, args, env, { stdio = "ignore", cpus = "0", isUp }) {
  mkdirSync(OUT, { recursive: true });
  const log = join(OUT, `${name}.log`);
  const output = openSync(log, "w");
  const child = spawn("taskset", ["-c", cpus, file, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: [stdio === "ipc" ? "ignore" : stdio, output, output, ...(stdio === "ipc" ? ["ipc"] : [])],
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const orphaned = () => child.kill("SIGTERM");
  process.once("exit", orphaned);
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await ended;
    clearTimeout(late);
    process.off("exit", orphaned);
  };
  for (let waited = 0; !isUp(log); waited += 50) {
    if (child.exitCode !== null || waited > 10_000) {
      await stop();
      fail(`${name} did not start:\n${readFileSync(log, "utf8").slice(-2000)}`);
    }
    await sleep(50);
  }
  return { pid: child.pid, child, stop, log, command: [file, ...args].join(" ").replaceAll(`${ROOT}`, "") };
}

// Without this, the edge outlives an interrupted benchmark.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Checks the kernel's socket tables, since probing with a message would be work for the edge. */
function portOpen(client) {
  const transport = socketOf(client);
  const local = ` 0100007F:${(client === "mixed" ? MIXED_PORT : EDGE_PORT).toString(16).toUpperCase()} `;
  const listening = transport === "tcp" ? " 0A " : " 07 ";
  const sockets = readFileSync(`/proc/net/${transport}`, "utf8").split("\n");
  return sockets.some((line) => line.includes(local) && line.includes(listening));
}

async function portFree(client) {
  for (let waited = 0; portOpen(client); waited += 50) {
    if (waited > 5_000) fail(`port ${EDGE_PORT} is taken`);
    await sleep(50);
  }
}
