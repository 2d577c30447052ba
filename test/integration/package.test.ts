/** The package as users install it: only the tarball, in an empty folder, on a machine with Node. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type * as Package from "../../src/index.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { TcpConnection } from "../support/tcp-connection.js";

const exec = promisify(execFile);
const INSTALL_MS = 180_000;
let folder = "";
let packed: readonly string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-package-"));
  // Without the cross-compiled addon: nothing here can run it.
  const { stdout } = await exec("npm", ["pack", "--json", "--pack-destination", folder], { env: { ...process.env, SLUICE_PREBUILD: "native" }, maxBuffer: 1 << 26 });
  const [tarball] = JSON.parse(stdout.slice(stdout.indexOf("[\n"))) as [{ filename: string; files: { path: string }[] }];
  packed = tarball.files.map(({ path }) => path);
  await exec("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--prefer-offline", join(folder, tarball.filename)], { cwd: folder });
}, INSTALL_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the package contains what runs and what builds the addon, and nothing else", () => {
  const kinds = new Set(packed.map((path) => path.split("/").slice(0, path.startsWith("native/") ? 2 : 1).join("/")));
  expect([...kinds].sort()).toEqual(
    ["CHANGELOG.md", "LICENSE", "README.md", "binding.gyp", "deploy", "dist", "native/CMakeLists.txt", "native/addon", "native/core", "native/keeper", "native/sources.txt", "native/tests.txt", "native/tls", "package.json", "prebuilds", "scripts", "src"].sort(),
  );
  expect(packed.filter((path) => /\.map$|tsbuildinfo|\.test\./.test(path))).toEqual([]);
  // Nothing from deleted sources.
  expect(packed.filter((path) => /^dist\/.*\.d\.ts$/.test(path) && !existsSync(path.replace(/^dist/, "src").replace(/d\.ts$/, "ts")))).toEqual([]);
  // A file for each module would make every start slow.
  expect(packed.filter((path) => /^dist\/.*\.js$/.test(path)).length).toBeLessThan(80);
});

test("npx sluice runs, without a compiler having run", async () => {
  const { stdout } = await exec("npx", ["--prefix", folder, "--no-install", "sluice", "--help"], { cwd: folder });
  expect(stdout).toContain("Usage: sluice");
  expect(existsSync(join(folder, "node_modules/sluice/build"))).toBe(false);
  expect(existsSync(join(folder, `node_modules/sluice/prebuilds/linux-${process.arch}/sluice.node`))).toBe(true);
});

test("the package's start(settings) carries a call, and stop() ends it", async () => {
  const { start } = (await import(pathToFileURL(join(folder, "node_modules/sluice/dist/index.js")).href)) as typeof Package;
  const port = await freePort();
  const lines: string[] = [];
  const sluice = await start(
    { SLUICE_LISTEN: `tcp:127.0.0.1:${port}`, SLUICE_DOMAINS: "example.com", SLUICE_ADMIN_LISTEN: "off", SLUICE_STATE_DIR: join(folder, "state"), SLUICE_DRAIN_SECONDS: "0", SLUICE_SHARDS: "1" },
    { log: { write: (line) => void lines.push(line) } },
  );
  onTestFinished(() => sluice.stop());
  const at = `127.0.0.1:${port}`;
  const company = new Set<Party>();
  const phone = async (name: string): Promise<Party> => {
    const party = new Party(name, at, "package", company);
    return party.attach(await TcpConnection.open({ host: "127.0.0.1", port }, party.receive, {}));
  };
  const [alice, bob] = [await phone("alice"), await phone("bob")];
  onTestFinished(async () => void (await Promise.all([alice.close(), bob.close()])));
  await bob.say(`REGISTER sip:example.com SIP/2.0\nTo: <sip:bob@example.com>\nFrom: <sip:bob@example.com>;tag=1\nContact: <sip:bob@${bob.at};transport=tcp>`);
  await bob.response(200);
  await alice.say(`INVITE sip:bob@example.com SIP/2.0\nContact: <sip:alice@${alice.at};transport=tcp>`);
  await bob.request("INVITE");
  await bob.reply("200 OK", `Contact: <sip:bob@${bob.at};transport=tcp>`);
  await alice.response(200);

  expect(await sluice.reload({ SLUICE_FLOW_TIMER: "no number" })).toMatchObject({ errors: [expect.stringContaining("SLUICE_FLOW_TIMER")] });
  await sluice.stop();
  await sluice.stopped;
  expect(lines.length).toBeGreaterThan(0);
});

test("start(settings) rejects with a line for each invalid setting", async () => {
  const { start } = (await import(pathToFileURL(join(folder, "node_modules/sluice/dist/index.js")).href)) as typeof Package;
  await expect(start({ SLUICE_SHARDS: "many", SLUICE_LISTEN: "carrier-pigeon:1" })).rejects.toThrow(/SLUICE_LISTEN: .*\nSLUICE_SHARDS: |SLUICE_SHARDS: .*\nSLUICE_LISTEN: /);
});
