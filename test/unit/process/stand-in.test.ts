import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const ADDON = JSON.stringify(resolve("build/Release/sluice.node"));

/** It stands in for the process that it starts. */
const FIRST = `const { spawn } = require("node:child_process");
const binding = require(${ADDON});
const child = spawn(process.execPath, [process.argv[2], process.argv[3]], { stdio: "inherit" });
binding.passSignals(child.pid);
binding.standIn();`;

/** It has been replaced, names the one that replaced it, and answers to no signal any more, as a process that is just ending. */
const MIDDLE = `const { spawn } = require("node:child_process");
const binding = require(${ADDON});
process.on("SIGTERM", () => undefined);
process.on("SIGURG", () => console.log("named"));
const child = spawn(process.execPath, [process.argv[2]], { stdio: ["inherit", "inherit", "inherit", "ipc"] });
child.once("message", () => binding.nameHeir(child.pid));`;

/** It ends with a status of its own, after the one before it. */
const LAST = `const parent = process.ppid;
process.on("SIGTERM", () => {
  console.log("told to end");
  process.kill(parent, "SIGKILL");
  setInterval(() => process.ppid === parent || process.exit(5), 5);
});
process.send("ready");
setInterval(() => undefined, 1000);`;

test("a signal to the first process reaches the one that was named last, while the one between them ends and hears nothing", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-stand-in-"));
  const files = [FIRST, MIDDLE, LAST].map((lines, at) => {
    const file = join(folder, `${at}.cjs`);
    writeFileSync(file, lines);
    return file;
  });
  const first = spawn(process.execPath, files, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    first.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  let said = "";
  first.stdout.on("data", (octets: Buffer) => (said += octets.toString()));
  await expect.poll(() => said, { timeout: 30_000 }).toContain("named");
  first.kill("SIGTERM");
  const [status] = (await once(first, "exit")) as [number | null];
  expect(said).toContain("told to end");
  expect(status).toBe(5);
});
