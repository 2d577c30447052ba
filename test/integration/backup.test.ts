/** docs/operate/backup.md, literally: a copy of the state folder while the server works, and another server that runs from it. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { Home } from "../support/home.js";

const PAGE = readFileSync(new URL("../../docs/operate/backup.md", import.meta.url), "utf8");

/** The indented lines below a heading. */
function commandsOf(heading: string): string {
  const section = PAGE.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^ {4}(.*)$/gm)].map(([, line]) => line).join("\n");
}

test("a backup taken while phones register, restored elsewhere: keys, bindings, bans and the history are there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-backup-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [first, second] = [await Admin.choose(), await Admin.choose()];
  const home = await Home.spawn({ SLUICE_ADMIN_LISTEN: first.listen, SLUICE_STATE_DIR: join(folder, "state") });
  const edge = await home.phone("phone", "udp");
  const register = (user: number): Promise<unknown> => home.register(edge, { user: `user${user}`, contact: `sip:user${user}@192.0.2.1:5060` });
  for (let user = 0; user < 50; user += 1) await register(user);
  await first.ask("POST", "/api/bans", { address: "198.51.100.9", seconds: 3_600 });
  await expect.poll(async () => (await first.get("/api/history?kind=registered&limit=1000")).json["rows"]).toHaveLength(50);
  // Others go on registering meanwhile.
  let isCopied = false;
  let users = 50;
  const others = (async () => {
    for (; !isCopied; users += 1) await register(users);
  })();
  const commands = commandsOf("Backup while it runs").replaceAll("/var/lib/sluice", join(folder, "state")).replaceAll("/backup/", `${folder}/backup/`);
  expect(commands).toContain("cp -p location/journal.*");
  await promisify(execFile)("sh", ["-c", commands]);
  isCopied = true;
  await others;

  const [name = ""] = readdirSync(join(folder, "backup"));
  const restored = await Home.start({ SLUICE_ADMIN_LISTEN: second.listen, SLUICE_STATE_DIR: join(folder, "backup", name) });
  expect(readFileSync(join(folder, "backup", name, "flow.keys"), "utf8")).toBe(readFileSync(join(folder, "state", "flow.keys"), "utf8"));
  const { bindings } = (await second.get("/api/bindings?limit=1000")).json as { bindings: { aor: string }[] };
  const aors = new Set(bindings.map(({ aor }) => aor));
  for (let user = 0; user < 50; user += 1) expect(aors, `user${user}`).toContain(`sip:user${user}@example.com`);
  expect(aors.size).toBeLessThanOrEqual(users);
  expect((await second.get("/api/bans")).json["bans"]).toMatchObject([{ address: "198.51.100.9" }]);
  expect(((await second.get("/api/history?q=user7@example.com")).json["rows"] as object[])[0]).toMatchObject({ kind: "registered" });
  expect(restored.server.output).not.toContain("damaged");
});
