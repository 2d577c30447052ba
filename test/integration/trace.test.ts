/** Traces and captures: one phone's messages and nobody else's, credentials unreadable, in formats that other programs read. */
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { existsSync, mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import WebSocket from "ws";
import { Admin } from "../support/admin.js";
import { call, register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { tlsSettings } from "../support/certificates.js";
import { Home } from "../support/home.js";
import { complete } from "../support/sip-text.js";
import { testWith } from "../support/test-with.js";

interface Traced {
  readonly sent: boolean;
  readonly peer: string;
  readonly text: string;
}

const SECRETS = ["5ecre7response", "c1ientnonce", "Zm9vOmJhcg", "d2hhdCBhIGtleQ"];
const WITH_SECRETS = `REGISTER sip:example.com SIP/2.0
To: <sip:alice@example.com>
From: <sip:alice@example.com>;tag=a
Call-ID: secret-register
Supported: path, outbound
Contact: <sip:alice@192.0.2.1>;reg-id=1;+sip.instance="<urn:x>"
Authorization: Digest username="alice", realm="example.com", nonce="n0nce", uri="sip:example.com", response="5ecre7response",
 cnonce="c1ientnonce", qop=auth, nc=00000001, algorithm=MD5
Proxy-Authorization: Basic Zm9vOmJhcg==

v=0
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d2hhdCBhIGtleQ
`;

for (const client of ["udp", "tcp", "wss"] as const) {
  test(`SA-16 a trace of an AOR contains its messages both ways, nobody else's, with credentials unreadable; ${client}`, async () => {
    const admin = await Admin.choose();
    const { U, U2, C } = await cast({ client, settings: { SLUICE_ADMIN_LISTEN: admin.listen, ...(client === "wss" ? tlsSettings() : {}) } });
    await register(U2, C);
    const trace = (await admin.ask("POST", "/api/traces", { what: "sip:alice@example.com", seconds: 60 })).json["id"] as string;
    await register(U2, C);
    await U.say(WITH_SECRETS);
    await C.request("REGISTER");
    await C.reply("200 OK");
    await U.response(200);
    await U2.say("MESSAGE sip:alice@example.com.au SIP/2.0\nCall-ID: elsewhere\nTo: <sip:malice@example.com>");
    await C.request("MESSAGE");
    const messages = async (): Promise<Traced[]> => (await admin.get(`/api/traces/${trace}`)).json["messages"] as Traced[];
    await expect.poll(async () => (await messages()).length).toBe(4);
    const seen = await messages();
    expect(seen.map(({ sent, text }) => `${sent ? "out" : "in"} ${text.slice(0, text.indexOf("\r\n"))}`)).toEqual([
      "in REGISTER sip:example.com SIP/2.0",
      "out REGISTER sip:example.com SIP/2.0",
      "in SIP/2.0 200 OK",
      "out SIP/2.0 200 OK",
    ]);
    expect([seen[0]?.peer, seen[3]?.peer]).toEqual([U.at, U.at]);
    expect(seen[1]?.text).toContain('username="alice"');
    expect(seen[1]?.text.length).toBeGreaterThan(seen[0]?.text.length ?? 0);
    for (const secret of SECRETS) expect(JSON.stringify(seen)).not.toContain(secret);
    await admin.ask("DELETE", `/api/traces/${trace}`);
    await U.say(WITH_SECRETS.replace("secret-register", "later"));
    await C.request("REGISTER");
    await C.settle();
    expect(await messages()).toHaveLength(4);
  });
}

test("SA-16 a trace holds the first message that is sent after its answer", async () => {
  const admin = await Admin.choose();
  const { U, C } = await cast({ settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2" } });
  const traces: string[] = [];
  for (let at = 1; at <= 20; at += 1) {
    traces.push((await admin.ask("POST", "/api/traces", { what: `call-id:promised-${at}` })).json["id"] as string);
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: promised-${at}`);
    await C.request("MESSAGE");
    await C.reply("200 OK");
    await U.response(200);
  }
  for (const trace of traces) await expect.poll(async () => ((await admin.get(`/api/traces/${trace}`)).json["messages"] as unknown[]).length).toBe(4);
});

test("a second trace of the same is the first one, for longer and never for shorter, so that nobody who watches loses it", async () => {
  const admin = await Admin.choose();
  await cast({ settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
  const start = async (seconds: number): Promise<Record<string, unknown>> => (await admin.ask("POST", "/api/traces", { what: "call-id:same", seconds })).json;
  const first = await start(60);
  for (const [asked, left] of [[600, 600], [30, 600]] as const) {
    const again = await start(asked);
    expect(again["id"]).toBe(first["id"]);
    expect(Number(again["secondsLeft"])).toBeGreaterThan(left - 60);
  }
  expect((await admin.get("/api/traces")).json["traces"]).toHaveLength(1);
  await admin.ask("DELETE", `/api/traces/${String(first["id"])}`);
  expect((await start(60))["id"]).not.toBe(first["id"]);
});

test("traces of a Call-ID and of an address arrive over the WebSocket as they happen", async () => {
  const admin = await Admin.choose();
  const { U, U2, C } = await cast({ settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
  const path = await register(U, C);
  const live = new WebSocket(`ws://${admin.listen}/live`);
  const texts: string[] = [];
  live.on("message", (data: Buffer) => texts.push(data.toString()));
  await once(live, "open");
  const byAddress = (await admin.ask("POST", "/api/traces", { what: U.at })).json["id"] as string;
  const byCall = (await admin.ask("POST", "/api/traces", { what: "call-id:wanted" })).json["id"] as string;
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCall-ID: other\nRoute: ${path.join(", ")}`);
  await U.request("MESSAGE");
  await U2.say("OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: wanted");
  await C.request("OPTIONS");
  const first = (trace: string): string[] =>
    texts.flatMap((text) => {
      const event = JSON.parse(text) as { kind: string; trace?: string; messages?: Traced[] };
      return event.trace === trace ? (event.messages ?? []).map((one) => `${one.sent ? "out" : "in"} ${one.text.split(" ")[0] ?? ""}`) : [];
    });
  await expect.poll(() => first(byAddress)).toEqual(["in MESSAGE", "out MESSAGE"]);
  await expect.poll(() => first(byCall)).toEqual(["in OPTIONS", "out OPTIONS"]);
  expect(texts.some((text) => text.includes('"kind":"status"'))).toBe(true);
  live.close();
});

for (const client of ["udp", "tcp"] as const) {
  test(`a trace of an address shows each answer of a standalone server once, however it was decided; ${client}`, async () => {
    const admin = await Admin.choose();
    const home = await Home.start({ SLUICE_ADMIN_LISTEN: admin.listen });
    const phone = await home.phone("alice", client);
    await home.register(phone, { user: "alice" });
    const trace = (await admin.ask("POST", "/api/traces", { what: phone.at })).json["id"] as string;
    // The last one is not understood by numbers.
    for (const [at, [to, status]] of ([["alice", 200], ["nobody", 480], ["nobody;x=%22", 480]] as const).entries()) {
      await phone.say(`MESSAGE sip:${to}@example.com SIP/2.0\nTo: <sip:nobody@example.com>\nCall-ID: traced-${at}@${home.scene}`);
      if (at === 0) {
        await phone.request("MESSAGE");
        await phone.reply("200 OK");
      }
      await phone.response(status);
    }
    await home.register(phone, { user: "alice" });
    const lines = async (): Promise<string[]> => ((await admin.get(`/api/traces/${trace}`)).json["messages"] as Traced[]).map(({ sent, text }) => `${sent ? "out" : "in"} ${text.slice(0, text.indexOf("\r\n"))}`);
    await expect.poll(async () => (await lines()).filter((line) => line.startsWith("in REGISTER")).length).toBe(1);
    await expect.poll(async () => (await lines()).length).toBeGreaterThanOrEqual(10);
    expect(await lines()).toHaveLength(10);
  });
}

testWith("tshark")("SA-16 tshark reads a pcap of a call: both directions, valid frames, no secrets", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-pcap-"));
  const file = join(folder, "sip.pcap");
  const { SUT, U, U2, C } = await cast({ process: true, client: "tcp", settings: { SLUICE_PCAP: file } });
  await register(U, C);
  await call(U2, C, "Contact: <sip:U2@192.0.2.2>");
  await U.say(WITH_SECRETS);
  await C.request("REGISTER");
  await C.settle();
  await expect.poll(() => existsSync(file) && statSync(file).size).toBeGreaterThan(2_000);
  SUT.terminate();
  await SUT.exited();
  expect(statSync(file).mode & 0o077).toBe(0);
  const read = (...args: string[]): string => execFileSync("tshark", ["-r", file, "-d", "udp.port==1-65535,sip", ...args], { encoding: "utf8", timeout: 30_000 });
  const lines = read("-T", "fields", "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "ip.checksum.status").trim().split("\n").map((line) => line.split("\t").slice(0, 2).join("|"));
  for (const wanted of ["REGISTER|", "INVITE|", "ACK|", "|200"]) expect(lines.filter((line) => line === wanted).length, wanted).toBeGreaterThanOrEqual(2);
  expect(read("-Y", "_ws.malformed")).toBe("");
  const all = execFileSync("cat", [file], { encoding: "latin1" });
  for (const secret of SECRETS) expect(all).not.toContain(secret);
});

test("HEP3 packets carry each message with its addresses, time and Call-ID, sampled by dialog", async () => {
  const collector = createSocket("udp4");
  const packets: Buffer[] = [];
  collector.on("message", (octets) => packets.push(octets));
  collector.bind(0, "127.0.0.1");
  await once(collector, "listening");
  const { port } = collector.address();
  const { U, C, client } = await cast({ settings: { SLUICE_HEP: `udp://127.0.0.1:${port}`, SLUICE_HEP_ID: "77" } });
  await register(U, C);
  const ours = (): Map<number, Buffer>[] => packets.map(chunksOf).filter((chunks) => (chunks.get(15)?.toString() ?? "").includes("REGISTER sip:example.com") || /CSeq: \d+ REGISTER/.test(chunks.get(15)?.toString() ?? ""));
  await expect.poll(() => ours().length).toBeGreaterThanOrEqual(4);
  const [first] = ours();
  expect(first?.get(3)).toEqual(Buffer.from([127, 0, 0, 1]));
  expect(`127.0.0.1:${first?.get(7)?.readUInt16BE()}`).toBe(U.at);
  expect(`127.0.0.1:${first?.get(8)?.readUInt16BE()}`).toBe(client);
  expect(first?.get(2)?.[0]).toBe(17);
  expect(first?.get(11)?.[0]).toBe(1);
  expect(first?.get(12)?.readUInt32BE()).toBe(77);
  expect(Math.abs((first?.get(9)?.readUInt32BE() ?? 0) - Date.now() / 1_000)).toBeLessThan(30);
  expect(first?.get(17)?.toString()).toMatch(/^register-\d+@scene-\d+$/);
  collector.close();
});

test("captured messages that cannot be delivered are counted, and calls go on", async () => {
  const admin = await Admin.choose();
  const { U, C } = await cast({ settings: { SLUICE_HEP: "udp://nowhere.invalid:9060", SLUICE_PCAP: "/nowhere/sip.pcap", SLUICE_ADMIN_LISTEN: admin.listen } });
  const lost = async (): Promise<number> => Number(/^sluice_capture_unwritten_total (\d+)$/m.exec((await admin.get("/metrics")).text)?.[1]);
  // The capture starts a moment after the shards.
  const start = await lost();
  await register(U, C);
  await expect.poll(lost).toBeGreaterThan(start);
  const before = await lost();
  await register(U, C);
  // Four packets for each of the two.
  await expect.poll(lost).toBeGreaterThanOrEqual(before + 8);
});

/** Maps chunk types of vendor 0 to their values. */
function chunksOf(packet: Buffer): Map<number, Buffer> {
  expect(packet.toString("latin1", 0, 4)).toBe("HEP3");
  expect(packet.readUInt16BE(4)).toBe(packet.length);
  const chunks = new Map<number, Buffer>();
  for (let at = 6; at < packet.length; at += packet.readUInt16BE(at + 4)) {
    expect(packet.readUInt16BE(at)).toBe(0);
    chunks.set(packet.readUInt16BE(at + 2), packet.subarray(at + 6, at + packet.readUInt16BE(at + 4)));
  }
  return chunks;
}

for (const client of ["tcp", "ws"] as const) {
  test(`a traced request along a token names the connection it leaves by, ${client}`, async () => {
    const admin = await Admin.choose();
    const { U, C } = await cast({ client, settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
    const path = await register(U, C);
    const trace = (await admin.ask("POST", "/api/traces", { what: "call-id:call@traced", seconds: 60 })).json["id"] as string;
    await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCall-ID: call@traced\nRoute: ${path.join(", ")}`);
    const messages = async (): Promise<Traced[]> => (await admin.get(`/api/traces/${trace}`)).json["messages"] as Traced[];
    await expect.poll(async () => (await messages()).length).toBe(2);
    expect((await messages())[1]?.peer).toBe(U.at);
  });
}

test("a trace of one AOR shows only its messages while thousands of others pass", async () => {
  const admin = await Admin.choose();
  const { U, U2, C } = await cast({ settings: { SLUICE_ADMIN_LISTEN: admin.listen } });
  const trace = (await admin.ask("POST", "/api/traces", { what: "sip:alice@example.com", seconds: 60 })).json["id"] as string;
  const flood = async (count: number): Promise<void> => {
    for (let at = 1; at <= count; at += 1) {
      await U2.send(complete(`MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: flood-${at}\nFrom: <sip:user${at}@example.com>;tag=1`, U2));
      if (at % 50 === 0) await U2.settle();
    }
  };
  const flooding = flood(5_000);
  for (let at = 1; at <= 5; at += 1) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: mine-${at}\nFrom: <sip:alice@example.com>;tag=a`);
    await U.settle();
  }
  await flooding;
  C.forget();
  const messages = async (): Promise<Traced[]> => (await admin.get(`/api/traces/${trace}`)).json["messages"] as Traced[];
  await expect.poll(async () => (await messages()).length).toBe(10);
  for (const { text } of await messages()) expect(text).toMatch(/^Call-ID: mine-\d/m);
});
