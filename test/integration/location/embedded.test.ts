/** The embedded store from outside: the server is killed, its disk is full, its files are damaged, or they come from an earlier version. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { open } from "lmdb";
import { expect, onTestFinished, test } from "vitest";
import { takeAnchor } from "../../../src/location/clock.js";
import type { NativeStore } from "../../../src/location/native-store.js";
import { toRow } from "../../../src/location/row.js";
import { flowBinding, plainBinding } from "../../support/bindings.js";
import { Edge } from "../../support/edge.js";
import { DOMAIN, Home, instanceOf } from "../../support/home.js";
import type { Party } from "../../support/party.js";
import { newBranch } from "../../support/sip-text.js";
import { often } from "../../support/often.js";
import { UdpSocket } from "../../support/udp-socket.js";

function stateFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-embedded-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The newest journal, which gets the next record. */
function journalOf(state: string): string {
  const names = readdirSync(join(state, "location")).filter((name) => name.startsWith("journal."));
  return join(state, "location", names.sort().at(-1) ?? "");
}

/** 200s to REGISTER. */
const KILLED_AFTER = often(8_000);

const countOf = (output: string, text: string): number => output.split(text).length - 1;

async function users(home: Home, asker: Party, names: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of names) if ((await home.contactsOf(asker, name)).length > 0) found.push(name);
  return found;
}

test("REG-26 kill -9 under a load of REGISTERs: every client with a 200 is registered after the restart", { timeout: 120_000 }, async () => {
  const home = await Home.spawn({ SLUICE_SHARDS: "2" });
  const host = "127.0.0.1";
  for (let round = 0; round < 2; round += 1) {
    const answered: string[] = [];
    let sent = 0;
    let enough: () => void = () => undefined;
    const isEnough = new Promise<void>((resolve) => (enough = resolve));
    const next = (socket: UdpSocket): void => {
      const user = `u${round}-${(sent += 1)}`;
      const lines = [
        `REGISTER sip:${DOMAIN} SIP/2.0`, `Via: SIP/2.0/UDP ${socket.at};branch=${newBranch()};rport`, `From: <sip:${user}@${DOMAIN}>;tag=1`, `To: <sip:${user}@${DOMAIN}>`,
        `Call-ID: ${user}`, "CSeq: 1 REGISTER", "Max-Forwards: 70", `Contact: <sip:${user}@${socket.at}>`, "Content-Length: 0", "", "",
      ];
      void socket.send(lines.join("\r\n"));
    };
    const sockets: UdpSocket[] = [];
    for (let lane = 0; lane < 8; lane += 1) {
      const socket = await UdpSocket.open({ host, port: home.port }, ({ text }) => {
        const user = /^Call-ID: (\S+)/m.exec(text)?.[1];
        if (!text.startsWith("SIP/2.0 200") || user === undefined) return;
        answered.push(user);
        if (answered.length === KILLED_AFTER) enough();
        if (answered.length < KILLED_AFTER) next(socket);
      });
      sockets.push(socket);
      for (let window = 0; window < 8; window += 1) next(socket);
    }
    await isEnough;
    await home.server.kill();
    await home.server.restart();
    expect(home.server.output).not.toContain("damaged");
    const asker = await home.phone(`asker${round}`);
    // The last ones, and a sample of the others.
    const checked = answered.filter((_, index) => index % 5 === 0 || index > KILLED_AFTER - 100);
    expect(await users(home, asker, checked)).toEqual(checked);
    await Promise.all(sockets.map((socket) => socket.close()));
  }
});

test("REG-20 a full disk: REGISTER gets 503 with Retry-After, calls go on, and it recovers by itself, with a log line each way", { timeout: 60_000 }, async () => {
  const home = await Home.spawn({});
  const bob = await home.phone("bob");
  const alice = await home.phone("alice");
  await home.register(bob);
  const carol = await home.phone("carol", "tcp");
  await home.register(carol, { instance: instanceOf("carol") });
  const limit = (octets: string): Promise<unknown> => promisify(execFile)("prlimit", ["--pid", String(home.server.pid), `--fsize=${octets}:unlimited`]);
  await limit("10"); // no file of the store can grow beyond its first octets
  for (let count = 0; count < 3; count += 1) {
    await alice.say(home.registerOf(alice));
    const refused = await alice.response(503);
    expect(Number(refused.header("Retry-After"))).toBeGreaterThan(0);
  }
  await expect.poll(() => countOf(home.server.output, "the location store cannot be written"), { timeout: 10_000 }).toBe(1);
  await alice.say(`MESSAGE sip:bob@${DOMAIN} SIP/2.0`);
  await bob.request("MESSAGE");
  await bob.reply("200 OK");
  await alice.response(200);
  expect(await home.contactsOf(bob, "bob")).toHaveLength(1);
  // A binding that ends is gone even if that cannot be written down.
  await carol.wire.close();
  await expect.poll(() => home.contactsOf(bob, "carol"), { timeout: 10_000 }).toEqual([]);
  await limit("unlimited");
  await expect.poll(() => countOf(home.server.output, "the location store can be written again"), { timeout: 20_000 }).toBe(1);
  await home.register(alice);
  expect(countOf(home.server.output, "the location store cannot be written")).toBe(1);
  await home.server.kill();
  await home.server.restart();
  expect(await users(home, bob, ["bob", "alice"])).toEqual(["bob", "alice"]);
});

test.each([
  ["is cut", (octets: Buffer): Buffer => octets.subarray(0, octets.length - 5)],
  ["has a bit turned", (octets: Buffer): Buffer => (octets.writeUInt8(octets.readUInt8(octets.length - 20) ^ 4, octets.length - 20), octets)],
])("a journal that %s: what stands before it is served, and one line says so", async (_, damage) => {
  const state = stateFolder();
  const home = await Home.spawn({ SLUICE_STATE_DIR: state });
  const names = ["one", "two", "three"];
  const asker = await home.phone("asker");
  for (const user of names) await home.register(asker, { user });
  await home.server.kill();
  const journal = journalOf(state);
  writeFileSync(journal, damage(readFileSync(journal)));
  await home.server.restart();
  expect(countOf(home.server.output, "is damaged")).toBe(1);
  expect(home.server.output).toMatch(/journal\.\d+ is damaged: read up to octet \d+/);
  expect(await users(home, asker, names)).toEqual(["one", "two"]);
  await home.register(asker, { user: "three" });
  // The next snapshot replaces the damaged file.
  await expect.poll(() => existsSync(join(state, "location", "damaged-journal")), { timeout: 10_000 }).toBe(true);
  await home.server.restart();
  expect(countOf(home.server.output, "is damaged")).toBe(1);
  expect(await users(home, asker, names)).toEqual(names);
});

test("two processes never share a state folder: the second one exits with one line", { timeout: 30_000 }, async () => {
  const state = stateFolder();
  await Home.spawn({ SLUICE_STATE_DIR: state });
  const second = Edge.launch({ SLUICE_MODE: "standalone", SLUICE_DOMAINS: DOMAIN, SLUICE_LISTEN: "udp:127.0.0.1:0", SLUICE_STATE_DIR: state });
  onTestFinished(() => second.stop());
  expect(await second.exited()).not.toBe(0);
  expect(second.output).toContain("is in use by another process");
});

test("SLUICE_DURABLE=disk: REGISTERs over several flows are answered, and survive kill -9", async () => {
  const home = await Home.spawn({ SLUICE_DURABLE: "disk", SLUICE_SHARDS: "2" });
  const phones = await Promise.all(["a", "b", "c", "d"].map((name) => home.phone(name)));
  await Promise.all(phones.map((phone) => home.register(phone, { instance: instanceOf(phone.name) })));
  await home.server.kill();
  await home.server.restart();
  const [asker] = phones;
  if (asker === undefined) throw new Error("four phones");
  expect(await users(home, asker, ["a", "b", "c", "d"])).toEqual(["a", "b", "c", "d"]);
});

/** In the format of version 1.0. */
async function writeLmdb(state: string, count: number): Promise<void> {
  mkdirSync(join(state, "location"), { recursive: true });
  const root = open<unknown, string>({ path: join(state, "location"), maxDbs: 4, noSubdir: false });
  const anchor = takeAnchor();
  await root.put("clock", anchor);
  const clock = { now: () => Date.now() } as NativeStore;
  const bindings = root.openDB<unknown, string>("bindings", { encoding: "msgpack" });
  for (let user = 0; user < count; user += 1) {
    const aor = `sip:u${user}@${DOMAIN}`;
    const all = [flowBinding(clock, instanceOf(String(user)), 1, { aor, path: ["<sip:t@192.0.2.9;lr;ob>"] }), plainBinding(clock, "sip:x@192.0.2.8", { aor, callId: "other" })];
    // Rows used to end with the User-Agent.
    await bindings.put(aor, all.map((one) => toRow(one).slice(0, 14)));
  }
  await bindings.put(`sip:gone@${DOMAIN}`, [toRow(plainBinding(clock, "sip:x@192.0.2.8", { expiresAt: Date.now() - 1_000 }))]);
  await root.close();
}

test("bindings that an earlier version left in LMDB are imported at the first start", async () => {
  const state = stateFolder();
  await writeLmdb(state, 200);
  const home = await Home.spawn({ SLUICE_STATE_DIR: state, SLUICE_LOCATION: "lmdb" });
  const asker = await home.phone("asker");
  const contacts = await home.contactsOf(asker, "u7");
  expect(contacts).toHaveLength(2);
  for (const contact of contacts) expect(Number(/expires=(\d+)/.exec(contact)?.[1])).toBeGreaterThan(3_000);
  expect(await users(home, asker, ["u0", "u199", "gone"])).toEqual(["u0", "u199"]);
  expect(existsSync(join(state, "location", "data.mdb"))).toBe(false);
  await home.register(asker, { user: "u7" });
  await home.server.kill();
  await home.server.restart();
  expect(await home.contactsOf(asker, "u7")).toHaveLength(3);
});

test.each([
  ["of zeros", (octets: Buffer): Buffer => Buffer.alloc(octets.length)],
  ["that is cut", (octets: Buffer): Buffer => octets.subarray(0, 10_000)],
  ["of noise behind its head", (octets: Buffer): Buffer => octets.map((octet, at) => (at < 8_192 ? octet : (at * 2_654_435_761) >>> 13)) as Buffer],
])("an LMDB %s does not keep the server from its work", { timeout: 60_000 }, async (_, damage) => {
  const state = stateFolder();
  await writeLmdb(state, 500);
  const path = join(state, "location", "data.mdb");
  writeFileSync(path, damage(readFileSync(path)));
  const home = await Home.spawn({ SLUICE_STATE_DIR: state });
  expect(countOf(home.server.output, "of an earlier version")).toBe(1);
  expect(home.server.output).toContain("data.mdb.unreadable");
  expect(existsSync(`${path}.unreadable`)).toBe(true);
  const bob = await home.phone("bob");
  await home.register(bob);
  await home.server.restart();
  expect(countOf(home.server.output, "of an earlier version")).toBe(1);
});
