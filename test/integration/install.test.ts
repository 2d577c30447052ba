/**
 * docs/operate/install.md as it stands: its commands run, in a folder of the test's own, and the server that the unit starts is found by `sluice`.
 * Left out is what a test cannot do to its machine: fetching, compiling, users, and systemd itself.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { sluice } from "../support/command.js";
import { sanitizer } from "../support/server-process.js";
import { PATIENCE } from "../support/mailbox.js";
import { freePort } from "../support/ports.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const LEFT_OUT = /^(?:git clone|npm |useradd |chown |systemctl )/;

test("SA-1 the commands of install.md make an installation whose server starts as its unit says and is found by sluice", { timeout: 4 * PATIENCE }, async () => {
  const root = mkdtempSync(join(tmpdir(), "sluice-install-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const placed = (text: string): string =>
    text.replaceAll("/opt/sluice", ROOT).replaceAll("/usr/local/bin", `${root}/bin`).replaceAll("/etc/", `${root}/etc/`).replaceAll("/var/lib/sluice", `${root}/state`).replaceAll("/usr/bin/node", process.execPath);
  mkdirSync(join(root, "bin"));
  mkdirSync(join(root, "etc/systemd/system"), { recursive: true });
  const env = { PATH: `${root}/bin:${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, ...sanitizer };

  const block = /^ {4}git clone[^]*?(?=\n\n)/m.exec(readFileSync(join(ROOT, "docs/operate/install.md"), "utf8"))?.[0] ?? "";
  const commands = block.split("\n").map((line) => line.trim().replace(/ +#.*$/, ""));
  const ours = commands.filter((command) => !LEFT_OUT.test(command));
  expect(ours.map((command) => command.split(" ")[0])).toEqual(["install", "node", "install", "ln"]);
  for (const command of ours) execFileSync("sh", ["-ec", placed(command)], { cwd: ROOT, env });

  const file = join(root, "etc/sluice/sluice.env");
  appendFileSync(file, `SLUICE_LISTEN=udp:127.0.0.1:${await freePort()}\nSLUICE_ADMIN_LISTEN=127.0.0.1:${await freePort()}\n`);
  const unit = placed(readFileSync(join(root, "etc/systemd/system/sluice.service"), "utf8"));
  const [command = "", ...args] = (/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "").split(" ");
  const set = Object.fromEntries([...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, words = ""]) => words.split(" ").map((word) => word.split("=", 2) as [string, string])));
  expect(set["SLUICE_ENV_FILE"]).toBe(file);
  const server = spawn(command, args, { env: { ...env, ...set }, stdio: "ignore" });
  onTestFinished(async () => {
    server.kill("SIGKILL");
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit");
  });
  // Where the command looks when it is not told: here the folder is the test's.
  const here = join(root, "here");
  mkdirSync(here);
  symlinkSync(join(root, "state"), join(here, "state"));
  await expect.poll(async () => (await sluice(["status"], {}, here)).code, { timeout: 2 * PATIENCE }).toBe(0);
  const installed = execFileSync("sluice", ["status"], { cwd: here, env, encoding: "utf8" });
  expect(installed).toContain(`by the running process, pid ${server.pid}, ${file}`);
  expect(installed).toContain("standalone, ready");
});
