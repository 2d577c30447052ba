/** WebSocket clients that violate RFC 6455, and unwelcome pages: refused, closed with a code, and no state is left. */
import { expect, onTestFinished, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import { residentOctets } from "../support/processes.js";
import { webSocketEdge } from "../support/websocket-edge.js";
import { RawSocket } from "../support/raw-socket.js";
import { complete } from "../support/sip-text.js";
import { upgradeRequest } from "../support/upgrade.js";
import { type FrameShape, Opcode, closeFrame, frame } from "../support/websocket-framer.js";

const BROWSER = { name: "browser", at: "x.invalid", transport: "ws", scene: "browser" } as const;
const MEGABYTE = 1024 * 1024;

async function raw(company: Pick<Cast, "client">): Promise<RawSocket> {
  const socket = await RawSocket.open(company.client);
  onTestFinished(() => socket.end());
  return socket;
}

async function upgraded(company: Cast): Promise<RawSocket> {
  const socket = await raw(company);
  expect((await socket.handshake()).status).toBe(101);
  return socket;
}

const REFUSED: Readonly<Record<string, readonly [number, string]>> = {
  "without the protocol sip": [400, upgradeRequest("edge", { "Sec-WebSocket-Protocol": undefined })],
  "with another protocol": [400, upgradeRequest("edge", { "Sec-WebSocket-Protocol": "chat, SIP" })],
  "that is an ordinary GET": [426, "GET / HTTP/1.1\r\nHost: edge\r\n\r\n"],
  "of an old version": [426, upgradeRequest("edge", { "Sec-WebSocket-Version": "8" })],
  "with a short key": [400, upgradeRequest("edge", { "Sec-WebSocket-Key": "c2hvcnQ=" })],
  "with a foreign origin": [403, upgradeRequest("edge", { Origin: "https://evil.example.org" }, "/sip")],
  "without an origin": [403, upgradeRequest("edge", {}, "/sip")],
  "on another path": [404, upgradeRequest("edge", { Origin: "https://phone.example.org" }, "/other")],
  "that is too long": [431, upgradeRequest("edge", { "X-Long": "x".repeat(9_000) }, "/sip")],
};

test("WS-4.1-2 WS-7-3 refused handshakes get their status, and then the connection ends", async () => {
  const open = await cast({ client: "ws" });
  const listed = await webSocketEdge({ SLUICE_WS_ORIGINS: "https://phone.example.org", SLUICE_WS_PATHS: "/sip" });
  for (const [name, [status, request]] of Object.entries(REFUSED)) {
    const socket = await raw(request.includes("/sip HTTP") || request.includes("/other HTTP") ? listed : open);
    expect((await socket.handshake(request)).status, name).toBe(status);
    await socket.expectClosed();
  }
  const agreed = await raw(listed);
  expect((await agreed.handshake(upgradeRequest("edge", { Origin: "https://PHONE.example.org" }, "/sip?user=b"))).status).toBe(101);
});

test("WS-7-3 half a handshake is closed when its time is up, and so is one that trickles", { timeout: 20_000 }, async () => {
  const company = await cast({ client: "ws", settings: { SLUICE_HANDSHAKE_SECONDS: "1" } });
  const silent = await raw(company);
  const trickling = await raw(company);
  const drip = setInterval(() => trickling.write("X"), 200);
  onTestFinished(() => clearInterval(drip));
  trickling.write("GET / HTTP/1.1\r\nX-");
  await Promise.all([silent.expectClosed(4_000), trickling.expectClosed(4_000)]);
});

const FAULTS: Readonly<Record<string, readonly [number, readonly Buffer[]]>> = {
  "a frame without a mask": [1002, [frame(Opcode.text, "x", { unmasked: true })]],
  "a reserved bit": [1002, [frame(Opcode.text, "x", { reserved: 0x40 })]],
  "an unknown opcode": [1002, [frame(3, "x")]],
  "a continuation of nothing": [1002, [frame(Opcode.continuation, "x")]],
  "a message within another": [1002, [frame(Opcode.text, "x", { fin: false }), frame(Opcode.text, "y")]],
  "a ping in fragments": [1002, [frame(Opcode.ping, "x", { fin: false })]],
  "a long ping": [1002, [frame(Opcode.ping, "x".repeat(126))]],
  "text that is no UTF-8": [1007, [frame(Opcode.text, Buffer.from([0x61, 0xff]))]],
  "a close code that nobody may send": [1002, [closeFrame(1005)]],
  "a length of 2^40": [1009, [Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4])]],
  "a length with its top bit set": [1002, [Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])]],
  "a message that grows too long": [1009, [frame(Opcode.text, "x".repeat(40_000), { fin: false }), frame(Opcode.continuation, "x".repeat(30_000))]],
  "thousands of tiny fragments": [1009, [frame(Opcode.text, "x", { fin: false }), ...Array.from({ length: 2_000 }, () => frame(Opcode.continuation, "x", { fin: false }))]],
  "no SIP": [1003, [frame(Opcode.text, "hello")]],
  "an HTML page": [1003, [frame(Opcode.text, "<html>\r\n<body>\r\n\r\n")]],
};

test("WS-F-1 WS-F-2 WS-F-3 WS-4.1-3 faulty frames end the connection with the matching code", async () => {
  const company = await cast({ client: "ws" });
  for (const [name, [code, frames]] of Object.entries(FAULTS)) {
    const socket = await upgraded(company);
    socket.write(Buffer.concat(frames));
    expect(await socket.closeCode().catch((error: unknown) => String(error)), name).toBe(code);
  }
  await company.C.nothing();
});

test("WS-F-3 a huge length costs no memory", async () => {
  const company = await cast({ process: true, client: "ws" });
  const before = residentOctets(company.SUT.pid);
  for (let at = 0; at < 200; at += 1) {
    const socket = await upgraded(company);
    socket.write(Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]), Buffer.alloc(10_000, 0x78)]));
    await socket.expectClosed();
  }
  expect(residentOctets(company.SUT.pid) - before).toBeLessThan(32 * MEGABYTE);
});

test("TR-20 a message that has begun in frames must end in time", { timeout: 20_000 }, async () => {
  const company = await cast({ client: "ws", settings: { SLUICE_MESSAGE_SECONDS: "1" } });
  const socket = await upgraded(company);
  const text = complete("OPTIONS sip:bob@example.com SIP/2.0", BROWSER);
  socket.write(frame(Opcode.text, text.slice(0, 50), { fin: false }));
  const keep: FrameShape = { fin: false };
  const drip = setInterval(() => socket.write(frame(Opcode.continuation, "", keep)), 300);
  onTestFinished(() => clearInterval(drip));
  await socket.expectClosed(4_000);
});

test("WS-6-2 a flood of pings is not answered for ever", async () => {
  const company = await cast({ client: "ws" });
  const socket = await upgraded(company);
  socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => frame(Opcode.ping, "flood"))));
  await socket.expectClosed();
});

test("TR-21 the limit of connections per address applies over WebSocket too", async () => {
  const company = await cast({ client: "ws", settings: { SLUICE_MAX_FLOWS_PER_SOURCE: "5" } });
  const sockets = await Promise.all(Array.from({ length: 8 }, () => raw(company)));
  await expect.poll(() => sockets.filter(({ socket }) => socket.destroyed).length).toBeGreaterThan(2);
  for (const socket of sockets) socket.end();
  // The places are given back, or the health check afterwards would find none.
  await expect.poll(async () => (await raw(company).then((socket) => socket.handshake())).status, { interval: 100 }).toBe(101);
});

test("OB-5.3.1-12 data for a browser that does not read is bounded, and its flow then fails", async () => {
  const company = await cast({ client: "ws", settings: { SLUICE_QUEUE_MAX: "65536" } });
  const { C } = company;
  const socket = await upgraded(company);
  socket.socket.pause();
  socket.write(frame(Opcode.text, complete(`REGISTER sip:example.com SIP/2.0\nContact: <sip:b@x.invalid;transport=ws>;reg-id=1;+sip.instance="<urn:uuid:1>"\nSupported: path, outbound`, BROWSER)));
  const path = (await C.request("REGISTER")).all("Path");
  await C.reply("200 OK");
  for (let at = 0; at < 400; at += 1) await C.say(`MESSAGE sip:b@x.invalid SIP/2.0\nRoute: ${path.join(", ")}\nCall-ID: m${at}@${company.scene}\n\n${"x".repeat(40_000)}`);
  let answered = 0;
  for (let message = await C.next(); answered === 0; message = await C.next()) answered = message.status === 430 ? 430 : 0;
  expect(answered).toBe(430);
});

test("WS-7-3 plain SIP, TLS and noise on a WebSocket port are closed", async () => {
  const company = await cast({ client: "ws" });
  for (const octets of [complete("OPTIONS sip:a SIP/2.0", BROWSER), "\x16\x03\x01\x02\x00\x01\x00", "\0\0\0\0", "\r\n\r\n"]) {
    const socket = await raw(company);
    socket.write(octets);
    await socket.until((octets) => octets.includes("HTTP/1.1 400 ")).catch(() => undefined);
    await socket.expectClosed();
  }
});
