/**
 * The README's first screen: `npm start` and its two commands, exactly as written there except for the port and the folders, which
 * parallel runs would otherwise share.
 *
 * Needs: baresip
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { PATIENCE } from "../support/mailbox.js";
import { freePort } from "../support/ports.js";
import { testWith } from "../support/test-with.js";
import { Program } from "./support/program.js";

const test = testWith("baresip");
const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HOST = "127.0.0.1";

test("SA-1 SA-20 OB-7-12 npm start and the two commands of the README: bob and alice register, and he answers her call", async () => {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "sluice-first-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = (name: string, command: string, env: Record<string, string>): Program => {
    const program = new Program(name, "env", ["-i", `PATH=${process.env["PATH"]}`, ...Object.entries(env).map((pair) => pair.join("=")), "sh", "-c", `exec ${command}`], ROOT);
    onTestFinished(() => program.stop());
    return program;
  };

  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { scripts: { start: string } };
  const server = run("npm start", scripts.start.replace(/^exec /, ""), {
    SLUICE_LISTEN: `udp:${HOST}:${port},tcp:${HOST}:${port}`,
    SLUICE_ADMIN_LISTEN: `${HOST}:${await freePort()}`,
    SLUICE_STATE_DIR: join(folder, "state"),
  });
  const says = (program: Program, what: RegExp): Promise<true> =>
    program.until(String(what), () => (what.test(program.output) ? true : undefined), 4 * PATIENCE);
  await says(server, /sluice is up/);

  const commands = [...readFileSync(join(ROOT, "README.md"), "utf8").matchAll(/^ {4}(baresip .*)$/gm)].map(([, command = ""]) => command);
  expect(commands).toHaveLength(2);
  const [ofBob = "", ofAlice = ""] = commands.map((command) => command.replaceAll(HOST, `${HOST}:${port}`).replace("/tmp", folder));
  // Otherwise its output would stay in a buffer while it runs.
  const bob = run("bob", `stdbuf -oL ${ofBob}`, { HOME: folder });
  await says(bob, /200 OK .*1 binding/);
  const alice = run("alice", `stdbuf -oL ${ofAlice}`, { HOME: folder });
  await says(alice, /200 OK .*1 binding/);
  await says(alice, /180 Ringing/);
  await says(bob, /answering call on line 1 from sip:alice@.* with 200/);
});
