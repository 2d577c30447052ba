/** `start(settings)` in a process that goes on after `stop()`. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type * as Package from "../../src/index.js";
import { Admin } from "../support/admin.js";
import { INDEX } from "../support/server-within.js";
import { freePort } from "../support/ports.js";

async function stage(more: Record<string, string> = {}): Promise<{ readonly admin: Admin; readonly port: number; readonly log: string[]; readonly start: () => Promise<Package.Sluice> }> {
  const { start } = (await import(INDEX)) as typeof Package;
  const folder = mkdtempSync(join(tmpdir(), "sluice-embedded-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [admin, port] = [await Admin.choose(), await freePort()];
  const log: string[] = [];
  const settings = { SLUICE_LISTEN: `udp:127.0.0.1:${port},tcp:127.0.0.1:${port}`, SLUICE_DOMAINS: "example.com", SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_STATE_DIR: folder, SLUICE_SHARDS: "1", SLUICE_DRAIN_SECONDS: "0", ...more };
  return { admin, port, log, start: () => start(settings, { log: { write: (line) => void log.push(line) } }) };
}

test("stop() lets go of every port and of the state folder: the same server starts again in the same process", async () => {
  const { start, admin } = await stage();
  for (let round = 0; round < 3; round += 1) {
    const sluice = await start();
    expect((await admin.get("/readyz")).status).toBe(200);
    await sluice.stop();
    await sluice.stopped;
  }
});

test("a drain that the operator calls off leaves the embedded server running; stop() during a drain ends it", async () => {
  const { start, admin, port, log } = await stage({ SLUICE_DRAIN_SECONDS: "600", SLUICE_DRAIN_RATE: "1" });
  const sluice = await start();
  let isStopped = false;
  void sluice.stopped.then(() => (isStopped = true));
  // One a second is closed, so the drain lasts.
  const phones = await Promise.all(Array.from({ length: 30 }, () => connected(port)));
  const order = async (action: string): Promise<void> => expect((await admin.ask("POST", "/api/drain", { action })).status).toBe(200);
  await order("start");
  await order("stop");
  await expect.poll(() => log.join("")).toContain("the drain was called off");
  expect((await admin.get("/readyz")).status).toBe(200);
  expect(isStopped).toBe(false);
  for (const phone of phones) phone.destroy();
  await order("start");
  await sluice.stop();
  expect(isStopped).toBe(true);
});

/** It has had an answer: a connection that only the kernel has accepted is reset when the drain closes the listener. */
async function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  socket.write("\r\n\r\n");
  await once(socket, "data");
  return socket;
}
