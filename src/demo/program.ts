/** The programs of the demo: the real one, once as an edge and once as a registrar, each in its own process. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PACKAGE_FOLDER } from "../base/package-folder.js";

const START_MS = 10_000;

export interface DemoProgram {
  stop(): Promise<void>;
}

/** Rejects with what the program wrote when it does not come up. */
export async function startProgram(settings: Readonly<Record<string, string>>): Promise<DemoProgram> {
  const state = mkdtempSync(join(tmpdir(), "sluice-demo-"));
  const child = spawn(process.execPath, [join(PACKAGE_FOLDER, "dist/main.js"), "start"], {
    env: { ...surroundings(), SLUICE_SHARDS: "1", SLUICE_DRAIN_SECONDS: "0", SLUICE_STATE_DIR: state, ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  await untilUp(child);
  return {
    stop: async () => {
      if (child.exitCode === null) {
        child.kill("SIGTERM");
        await once(child, "exit");
      }
      rmSync(state, { recursive: true, force: true });
    },
  };
}

/** The shell's environment, without the settings of another Sluice. */
function surroundings(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SLUICE_")));
}

function untilUp(child: ChildProcess): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`the program did not come up:\n${output}`));
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

/** `wanted` if it is free. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.once("error", () => resolve(0));
    server.listen(wanted, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
  server.close();
  return port === 0 ? freePort() : port;
}
