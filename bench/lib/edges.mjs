/** The edges that are compared. Each starts on CPU 0, for one pair of transports, with one worker. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, fail, has } from "../../scripts/lib/run.mjs";
import { OUT, program } from "./tools.mjs";

export const EDGE_PORT = 26060;
export const CORE_PORT = 26070;
const EDGE_CORE_PORT = 26061;
export const SLUICE_MAIN = join(ROOT, "dist/main.js");

export function sluiceEnvironment(client, core) {
  return {
    SLUICE_MODE: "edge",
    SLUICE_LISTEN: `${client}:127.0.0.1:${EDGE_PORT}`,
    SLUICE_CORE_LISTEN: `${core}:127.0.0.1:${EDGE_CORE_PORT}`,
    SLUICE_UPSTREAM: `sip:127.0.0.1:${CORE_PORT};transport=${core}`,
    SLUICE_SHARDS: "1",
    SLUICE_STATE_DIR: join(OUT, "state"),
    SLUICE_LOG_LEVEL: "warn",
    // Like for like: the others have no admin plane either.
    SLUICE_ADMIN_LISTEN: "off",
  };
}

const INSTALL = "apt-get install -y kamailio kamailio-outbound-modules";

function kamailio(config) {
  return {
    missing: () => (has("kamailio") ? undefined : `kamailio is missing: ${INSTALL}`),
    command(client, core) {
      const defines = [`LISTEN_PORT=${EDGE_PORT}`, "CORE_HOST=127.0.0.1", `CORE_PORT=${CORE_PORT}`];
      defines.push(`CORE_URI="sip:127.0.0.1:${CORE_PORT};transport=${core}"`);
      for (const transport of new Set([client, core])) defines.push(`WITH_${transport.toUpperCase()}`);
      if (client === "tcp") defines.push("WITH_TCP_CLIENTS");
      if (core === "tcp") defines.push("WITH_TCP_CORE");
      const run = join(OUT, "kamailio");
      mkdirSync(run, { recursive: true });
      // Of the allocators compared in turns, TLSF for both was as cheap as any; 1 GiB holds the transactions of a run.
      const memory = ["-x", "tlsf", "-X", "tlsf", "-m", "1024"];
      const file = join(ROOT, "bench/kamailio", `${config}.cfg`);
      const args = ["-DD", "-E", "-f", file, "-Y", run, "-P", join(run, "pid")];
      return { file: "kamailio", args: [...args, ...memory, ...defines.flatMap((define) => ["-A", define])] };
    },
  };
}

const floorAddresses = ["--listen", `127.0.0.1:${EDGE_PORT}`, "--core", `127.0.0.1:${CORE_PORT}`];

export const EDGES = {
  floor: {
    bare: true,
    missing: () => undefined,
    command: (client, core, { size }) => ({
      file: program("relay_floor"),
      args: ["--client", client, "--core-leg", core, ...floorAddresses, "--size", String(size)],
    }),
  },
  sluice: {
    missing: () => (existsSync(SLUICE_MAIN) ? undefined : "Sluice is not built: npm run build"),
    command: (client, core) => ({ file: process.execPath, args: [SLUICE_MAIN], env: sluiceEnvironment(client, core) }),
  },
  "kamailio-stateless": kamailio("stateless"),
  "kamailio-stateful": kamailio("stateful"),
};

/** Starts one edge and waits until its port is open. */
export async function startEdge(name, client, core, options) {
  await portFree(client);
  const { file, args, env = {} } = EDGES[name].command(client, core, options);
  return startPinned(name, file, args, env, client);
}

export async function startPinned(name, file, args, env, client, stdio = "ignore") {
  const log = join(OUT, `${name}.log`);
  const output = openSync(log, "w");
  const child = spawn("taskset", ["-c", "0", file, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: [stdio === "ipc" ? "ignore" : stdio, output, output, ...(stdio === "ipc" ? ["ipc"] : [])],
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const orphaned = () => child.kill("SIGTERM");
  process.once("exit", orphaned);
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(late);
    process.off("exit", orphaned);
  };
  for (let waited = 0; !portOpen(client); waited += 50) {
    if (child.exitCode !== null || waited > 10_000) {
      await stop();
      fail(`${name} does not start:\n${readFileSync(log, "utf8").slice(-2000)}`);
    }
    await sleep(50);
  }
  // The port is there before its worker reads from it.
  await sleep(400);
  return { pid: child.pid, child, stop, log, command: [file, ...args].join(" ").replaceAll(`${ROOT}`, "") };
}

// Without this the edge outlives a bench that is interrupted.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

/** Looks into the kernel's socket tables, since a probe by a message would be work for the edge. */
function portOpen(transport) {
  const local = ` 0100007F:${EDGE_PORT.toString(16).toUpperCase()} `;
  const listening = transport === "tcp" ? " 0A " : " 07 ";
  const sockets = readFileSync(`/proc/net/${transport}`, "utf8").split("\n");
  return sockets.some((line) => line.includes(local) && line.includes(listening));
}

async function portFree(transport) {
  for (let waited = 0; portOpen(transport); waited += 50) {
    if (waited > 5_000) fail(`port ${EDGE_PORT} of ${transport} is taken`);
    await sleep(50);
  }
}
