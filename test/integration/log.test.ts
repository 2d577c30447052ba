/** A log that cannot be written blocks nothing, whether a pipe that nobody reads or a full disk. */
import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { sanitizer } from "../support/server-process.js";

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

for (const where of ["a pipe that nobody reads", "a full disk"] as const) {
  test(`${where}: lines are lost and counted, admin and SIGTERM work`, async () => {
    const admin = await Admin.choose();
    const env = { PATH: process.env["PATH"], ...sanitizer, SLUICE_MODE: "edge", SLUICE_SHARDS: "1", SLUICE_DRAIN_SECONDS: "0", SLUICE_UPSTREAM: "sip:127.0.0.1:9" };
    const stdout = where === "a full disk" ? openSync("/dev/full", "w") : "pipe";
    const child = spawn(process.execPath, [MAIN], { env: { ...env, SLUICE_LISTEN: "udp:127.0.0.1:0", SLUICE_ADMIN_LISTEN: admin.listen }, stdio: ["ignore", stdout, "ignore"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    await expect.poll(() => admin.get("/livez").then(({ status }) => status, () => 0), { timeout: 20_000 }).toBe(200);
    // Each of these logs a line.
    const lost = async (): Promise<number> => Number(/^sluice_log_lines_lost_total (\d+)$/m.exec((await admin.get("/metrics")).text)?.[1] ?? 0);
    for (let round = 0; round < 60 && (await lost()) === 0; round += 1) {
      await Promise.all(Array.from({ length: 100 }, () => admin.ask("PUT", "/api/log", { level: "info", seconds: 60 })));
    }
    expect(await lost()).toBeGreaterThan(0);
    child.kill("SIGTERM");
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    expect(await Promise.race([ended, sleep(10_000, "late", { ref: false })])).toBe(0);
  });
}
