/** STUN on the SIP port (RFC 5626 5.4 and 8, RFC 8489). Packets are written and read here octet by octet. */
import { expect, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import type { Party } from "../support/party.js";
import { register } from "../support/calls.js";
import { seeded } from "../support/prng.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { UdpSocket } from "../support/udp-socket.js";

const COOKIE = "\x21\x12\xa4\x42";
const ID = "twelve-bytes";

function packet(type: string, attributes = "", cookie = COOKIE): string {
  const length = String.fromCharCode(attributes.length >> 8, attributes.length & 255);
  return type + length + cookie + ID + attributes;
}

const attribute = (type: string, value: string): string => {
  const padding = "\0".repeat((4 - (value.length % 4)) % 4);
  return `${type}${String.fromCharCode(value.length >> 8, value.length & 255)}${value}${padding}`;
};

const BINDING = packet("\x00\x01");

function fingerprintOf(text: string): string {
  let crc = 0xffffffff;
  for (const octet of Buffer.from(text, "latin1")) {
    crc ^= octet;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  const value = Buffer.alloc(4);
  value.writeUInt32BE((crc ^ 0xffffffff ^ 0x5354554e) >>> 0);
  return value.toString("latin1");
}

function withFingerprint(attributes = ""): string {
  const zero = packet("\x00\x01", attributes + attribute("\x80\x28", "\0\0\0\0"));
  const covered = zero.slice(0, -8);
  return covered + attribute("\x80\x28", fingerprintOf(covered));
}

function attributesOf(text: string): Map<number, Buffer> {
  const bytes = Buffer.from(text, "latin1");
  const found = new Map<number, Buffer>();
  for (let at = 20; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16BE(at + 2);
    found.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return found;
}

/** The mapped address as host and port, un-XORed by the rule of RFC 8489 14.2. */
function mapped(text: string): { address: string; port: number } {
  const value = attributesOf(text).get(0x0020) ?? Buffer.alloc(0);
  const mask = Buffer.from(COOKIE + ID, "latin1");
  const address = Buffer.from(value.subarray(4).map((octet, at) => octet ^ (mask[at] ?? 0)));
  const port = value.readUInt16BE(2) ^ 0x2112;
  return { address: value[1] === 1 ? [...address].join(".") : address.toString("hex"), port };
}

async function ask(U: Party, request: string): Promise<string> {
  await U.send(request);
  return (await U.next()).text;
}

test("OB-8-1 OB-8-2 OB-5.4-1 a Binding request is answered with the source address, from the same port", async () => {
  const { U, client } = await cast();
  const answer = await ask(U, BINDING);
  expect(answer.slice(0, 2)).toBe("\x01\x01");
  expect(answer.slice(4, 20)).toBe(COOKIE + ID);
  expect(mapped(answer)).toEqual({ address: "127.0.0.1", port: U.wire.port });
  expect(U.last.from).toBe(client);
});

test("OB-8-2 over IPv6 the transaction id is part of the mask", async () => {
  const { U } = await cast({ host: "::1" });
  expect(mapped(await ask(U, BINDING))).toEqual({ address: `${"0".repeat(31)}1`, port: U.wire.port });
});

test("OB-8-1 the core-side port answers too", async () => {
  const { A } = await cast();
  expect(mapped(await ask(A, BINDING)).port).toBe(A.wire.port);
});

test("OB-8-3 STUN and SIP on the same port do not interfere", async () => {
  const { U, C } = await cast();
  for (let at = 1; at <= 50; at += 1) {
    expect((await ask(U, BINDING)).slice(0, 2)).toBe("\x01\x01");
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at} MESSAGE`);
    expect((await C.request("MESSAGE")).header("CSeq")).toBe(`${at} MESSAGE`);
  }
  await U.nothing();
});

test("OB-8-8 FINGERPRINT is checked and echoed, and the response does not amplify", async () => {
  const { U } = await cast();
  const request = withFingerprint();
  const answer = await ask(U, request);
  expect(answer.slice(0, 2)).toBe("\x01\x01");
  expect(attributesOf(answer).get(0x8028)?.toString("latin1")).toBe(fingerprintOf(answer.slice(0, -8)));
  expect(answer.length).toBeLessThanOrEqual(2 * request.length);
  await U.send(`${request.slice(0, -1)}${String.fromCharCode(request.charCodeAt(request.length - 1) ^ 1)}`);
  await U.nothing();
});

test("OB-8-7 an unknown comprehension-required attribute is 420, an optional one is ignored", async () => {
  const { U } = await cast();
  const refused = await ask(U, packet("\x00\x01", attribute("\x7f\xfe", "what")));
  expect(refused.slice(0, 2)).toBe("\x01\x11");
  const attributes = attributesOf(refused);
  expect([attributes.get(0x0009)?.[2], attributes.get(0x0009)?.[3]]).toEqual([4, 20]);
  expect(attributes.get(0x000a)?.toString("latin1")).toBe("\x7f\xfe");
  const ignored = await ask(U, packet("\x00\x01", attribute("\x80\x22", "a client")));
  expect(ignored.slice(0, 2)).toBe("\x01\x01");
});

test("OB-8-6 OB-8-7 other methods, indications, responses and requests of RFC 3489 are not answered", async () => {
  const { U } = await cast();
  for (const type of ["\x00\x03", "\x00\x11", "\x01\x01", "\x01\x11"]) await U.send(packet(type));
  await U.send(packet("\x00\x01", "", "\x00\x00\x00\x00"));
  await U.nothing();
});

test("OB-8-5 malformed packets are silently dropped", async () => {
  const { U } = await cast();
  const attributes = attribute("\x80\x22", "software");
  const whole = packet("\x00\x01", attributes);
  for (let length = 1; length < whole.length; length += 1) await U.send(whole.slice(0, length));
  await U.send(packet("\x00\x01", "\x80\x22\xff\xffabcd"));
  await U.send(`${whole}trailing`);
  await U.send(whole.replace("\x00\x0c", "\x00\x0d"));
  await U.nothing();
});

test("OB-8-5 a thousand mutations do no harm", async () => {
  const { U } = await cast();
  const random = seeded(5389);
  const seed = [...withFingerprint(attribute("\x80\x22", "software"))];
  for (let at = 0; at < 1_000; at += 1) {
    const text = [...seed];
    // The first two octets and the cookie stay, so that all look like STUN; the checksum then fails.
    for (let change = 0; change < 3; change += 1) text[8 + random(text.length - 8)] = String.fromCharCode(random(256));
    await U.send(text.join(""));
  }
  await U.settle();
  U.forget();
  expect((await ask(U, BINDING)).slice(0, 2)).toBe("\x01\x01");
});

test("OB-8-11 STUN on a stream closes it without a response", async () => {
  const { U } = await cast({ client: "tcp" });
  await U.send(BINDING);
  if (U.wire instanceof TcpConnection) await U.wire.expectClosed();
  await expect(U.next(200)).rejects.toThrow("nothing came");
});

test("OB-8-10 STUN from strangers creates no flow, and a client's flow goes on", async () => {
  const company = await cast();
  const path = await register(company.U, company.C);
  for (let at = 0; at < 200; at += 1) {
    const stranger = await strangerOf(company);
    await stranger.send(BINDING);
    await stranger.close();
  }
  await company.C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
  await company.U.request("MESSAGE");
});

function strangerOf({ client }: Cast): Promise<UdpSocket> {
  const [host = "", port = ""] = client.split(":");
  return UdpSocket.open({ host, port: Number(port) }, () => undefined);
}
