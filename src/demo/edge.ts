/** The edge of the demonstration: the real program in a process of its own, on ports that the kernel has free. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const START_MS = 10_000;

export interface DemoEdge {
  readonly port: number;
  /** Of the dashboard. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Rejects with what the program wrote when it does not come up. */
export async function startEdge(upstreamPort: number, adminPort: number): Promise<DemoEdge> {
  const state = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  const port = await freePort();
  const admin = await freePort(adminPort);
  const child = spawn(process.execPath, [fileURLToPath(new URL("../main.js", import.meta.url)), "start"], {
    env: {
      PATH: process.env["PATH"],
      SLUICE_MODE: "edge",
      SLUICE_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`,
      SLUICE_UPSTREAM: `sip:127.0.0.1:${upstreamPort}`,
      SLUICE_ADMIN_LISTEN: `127.0.0.1:${admin}`,
      SLUICE_SHARDS: "1",
      SLUICE_FLOW_TIMER: "40",
      SLUICE_DRAIN_SECONDS: "1",
      SLUICE_STATE_DIR: state,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  await untilUp(child);
  return {
    port,
    url: `http://127.0.0.1:${admin}/`,
    stop: async () => {
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      rmSync(state, { recursive: true, force: true });
    },
  };
}

function untilUp(child: ChildProcess): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`the edge did not come up:\n${output}`));
    const timer = setTimeout(fail, START_MS);
    child.once("exit", fail);
    const read = (octets: Buffer): void => {
      output += octets.toString();
      if (!output.includes("sluice is up")) return;
      clearTimeout(timer);
      child.off("exit", fail);
      resolve();
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
  });
}

/** `wanted` when it is free. */
async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.once("error", () => resolve(0));
    server.listen(wanted, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
  server.close();
  return port === 0 ? freePort() : port;
}
