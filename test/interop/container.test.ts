/**
 * The server as process 1 of a container: namespaces of its own, and the program in a folder that it shares with others, behind a link that is turned.
 *
 * Needs: the right to namespaces and mounts
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { childrenOf } from "../support/processes.js";
import { phoneIn } from "./support/pinging-phone.js";
import { needNamespaces } from "./support/systemd.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test("SA-8 in a container process 1 stays, with or without a keeper: it passes signals on to the process that works, connections outlive upgrades, and its end is that of the server", async (context) => {
  needNamespaces(context);
  for (const keeper of ["off", "on"]) {
    const folder = mkdtempSync(join(tmpdir(), "sluice-container-"));
    mkdirSync(join(folder, "state"));
    symlinkSync(ROOT, join(folder, "sluice"));
    const SETTINGS = { SLUICE_LISTEN: "tcp:127.0.0.1:5060,udp:127.0.0.1:5060", SLUICE_ADMIN_LISTEN: "127.0.0.1:5080", SLUICE_AUTH: "off", SLUICE_DRAIN_SECONDS: "1", SLUICE_STATE_DIR: join(folder, "state"), SLUICE_KEEPER: keeper };
    const start = `ip link set lo up; exec ${process.execPath} ${join(folder, "sluice/dist/main.js")} start`;
    const container = spawn("unshare", ["--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--mount-proc", "--kill-child", "sh", "-c", start], { env: { PATH: process.env["PATH"], ...SETTINGS }, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    container.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    const ended = new Promise<number | null>((resolve) => container.on("close", resolve));
    onTestFinished(() => {
      container.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    });
    await expect.poll(() => output, { timeout: 30_000 }).toContain("sluice is up");
    const [first = 0] = childrenOf(container.pid ?? 0);
    const phone = await phoneIn(first);
    for (const upgrades of [1, 2]) {
      process.kill(first, "SIGUSR2");
      await expect.poll(() => output.split("sluice took over from another process").length - 1, { timeout: 30_000 }).toBe(upgrades);
      // For two seconds the process before could still go on.
      await sleep(3_000);
      await expect.poll(() => childrenOf(first).length, { timeout: 20_000 }).toBe(1);
    }
    if (keeper === "on") {
      process.kill(childrenOf(first)[0] ?? 0, "SIGKILL");
      await expect.poll(() => output, { timeout: 30_000 }).toContain("this one goes on with its flows");
    }
    const { closed, sent, pongs } = await phone.end();
    expect(closed).toBe(false);
    expect(pongs).toBeGreaterThan(sent / 2);
    process.kill(first, "SIGTERM");
    expect(await ended).toBe(0);
  }
});
