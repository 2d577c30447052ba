/** `npm start` leaves nothing running: however npm ends, the server ends too and frees its port. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { PATIENCE } from "../support/mailbox.js";
import { freePort } from "../support/ports.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** npm, and the pid of the server from its log. */
async function start(port: number): Promise<{ npm: ChildProcess; pid: number }> {
  const state = mkdtempSync(join(tmpdir(), "sluice-start-"));
  const settings = { SLUICE_LISTEN: `tcp:127.0.0.1:${port}`, SLUICE_ADMIN_LISTEN: "off", SLUICE_STATE_DIR: state, SLUICE_SHARDS: "1", SLUICE_DRAIN_SECONDS: "0" };
  const npm = spawn("npm", ["start"], { cwd: ROOT, env: { PATH: process.env["PATH"], HOME: state, ...settings }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [npm.stdout, npm.stderr]) stream.on("data", (octets: Buffer) => (output += octets.toString()));
  const pid = (): number => Number(/"pid":(\d+),"msg":"sluice is up"/.exec(output)?.[1] ?? 0);
  await expect.poll(pid, { timeout: 8 * PATIENCE }).toBeGreaterThan(0);
  const server = pid();
  onTestFinished(() => {
    if (lives(server)) process.kill(server, "SIGKILL");
    rmSync(state, { recursive: true, force: true });
  });
  return { npm, pid: server };
}

for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"] as const) {
  test(`SA-8 npm start: ${signal} to npm ends the server, and its port is free`, async () => {
    const port = await freePort();
    const { npm, pid } = await start(port);
    const ended = once(npm, "exit");
    npm.kill(signal);
    await ended;
    await expect.poll(() => lives(pid), { timeout: 4 * PATIENCE }).toBe(false);
    const next = createServer().listen(port, "127.0.0.1");
    await once(next, "listening");
    next.close();
  });
}
