/** SIP over WebSocket (RFC 7118): the differences from other transports. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { type Cast, cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import type { Party } from "../support/party.js";
import { RawSocket } from "../support/raw-socket.js";
import { complete } from "../support/sip-text.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { upgradeRequest } from "../support/upgrade.js";
import { Opcode, WebSocketFramer, closeFrame, frame } from "../support/websocket-framer.js";

const BROWSER = { name: "browser", at: "df7jal23ls0d.invalid", transport: "ws", scene: "browser" } as const;
const REGISTER = `REGISTER sip:example.com SIP/2.0
Supported: path, outbound
Contact: <sip:b@df7jal23ls0d.invalid;transport=ws>;reg-id=1;+sip.instance="<urn:uuid:0C67446E-F1A1-11D9-94D3-000A95A0E128>"`;

async function upgraded(company: Cast, atEnd: typeof onTestFinished = onTestFinished): Promise<RawSocket> {
  const socket = await RawSocket.open(company.client);
  atEnd(() => socket.end());
  expect((await socket.handshake()).status).toBe(101);
  return socket;
}

function wire(party: Party): TcpConnection {
  if (party.wire instanceof TcpConnection) return party.wire;
  throw new Error("a connection was asked for");
}

function framesOf(party: Party): readonly { readonly opcode: number; readonly payload: Buffer }[] {
  const { framer } = wire(party);
  if (framer instanceof WebSocketFramer) return framer.frames;
  throw new Error("a WebSocket was asked for");
}

for (const transport of ["ws", "wss"] as const) {
  test(`WS-5.1-1 WS-5.2-1 WS-5.3-1 WS-4.1-1 a browser registers over ${transport.toUpperCase()} and is called on the same connection`, async () => {
    const { U, C, client } = await cast({ client: transport });
    await U.say(`${REGISTER}\nVia: SIP/2.0/${transport.toUpperCase()} df7jal23ls0d.invalid;branch=z9hG4bK56sdasks;alias`);
    const request = await C.request("REGISTER");
    const path = request.all("Path");
    expect(path.at(-1)).toContain(`@${client};transport=ws;lr;ob>`);
    expect(request.all("Via")[1]).toBe(`SIP/2.0/${transport.toUpperCase()} df7jal23ls0d.invalid;branch=z9hG4bK56sdasks;alias;received=127.0.0.1`);
    await C.reply("200 OK", "Supported: path, outbound");
    expect((await U.response(200)).header("Via")).toBe(`SIP/2.0/${transport.toUpperCase()} df7jal23ls0d.invalid;branch=z9hG4bK56sdasks;alias;received=127.0.0.1`);
    await C.say(`INVITE sip:b@df7jal23ls0d.invalid;transport=ws SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
    const invite = await U.request("INVITE");
    expect(invite.all("Via")[0]).toMatch(new RegExp(`^SIP/2.0/${transport.toUpperCase()} ${client.replaceAll(".", "\\.")};branch=`));
    expect(invite.all("Record-Route")[0]).toContain(`@${client};transport=ws;lr>`);
    await U.reply("200 OK", "Contact: <sip:b@df7jal23ls0d.invalid;transport=ws>");
    await C.response(200);
  });
}

test("WS-5.3-1 a client that asks for rport gets both received and rport", async () => {
  const { U, C } = await cast({ client: "ws" });
  await U.say("OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKrport;rport");
  expect((await C.request("OPTIONS")).all("Via")[1]).toBe(`SIP/2.0/WS x.invalid;branch=z9hG4bKrport;rport=${wire(U).port};received=127.0.0.1`);
});

test("WS-5.3-1 a client that names an address gets its own noted, as over any transport, and one that names its own does not", async () => {
  const { U, C } = await cast({ client: "ws" });
  for (const named of ["203.0.113.7", "203.0.113.7:5060;received=203.0.113.8", "[2001:db8::7]"]) {
    await U.say(`OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/WS ${named};branch=z9hG4bKnamed`);
    expect((await C.request("OPTIONS")).all("Via")[1]).toBe(`SIP/2.0/WS ${named.split(";")[0]};branch=z9hG4bKnamed;received=127.0.0.1`);
    await C.reply("200 OK");
    await U.response(200);
  }
  await U.say("OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/WS 127.0.0.1;branch=z9hG4bKown");
  expect((await C.request("OPTIONS")).all("Via")[1]).toBe("SIP/2.0/WS 127.0.0.1;branch=z9hG4bKown");
  await C.reply("200 OK");
});

test("WS-5.1-2 WS-5.3-4 the transport in a client's Via does not matter: behind a TLS offloader it says WSS", async () => {
  const { U, C } = await cast({ client: "ws" });
  await U.say("OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/WSS offloaded.invalid;branch=z9hG4bKoff;alias");
  await C.request("OPTIONS");
  await C.reply("200 OK");
  expect((await U.response(200)).header("Via")).toBe("SIP/2.0/WSS offloaded.invalid;branch=z9hG4bKoff;alias;received=127.0.0.1");
});

test("WS-4.2-1 WS-4.2-2 WS-4.2-3 binary is read like text; text leaves as text, and anything that is not UTF-8 as binary", async () => {
  const { U, C } = await cast({ client: "ws" });
  const path = await register(U, C);
  await wire(U).raw(frame(Opcode.binary, complete("OPTIONS sip:bob@example.com SIP/2.0", U)));
  await C.request("OPTIONS");
  await C.reply("200 OK");
  await U.response(200);
  const bodies = [["plain", Opcode.text], ["h\xc3\xa4", Opcode.text], ["h\xe4", Opcode.binary], [`${"x".repeat(3_000)}\xff`, Opcode.binary]] as const;
  for (const [body, opcode] of bodies) {
    await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\n\n${body}`);
    expect((await U.request("MESSAGE")).body).toBe(body);
    expect(framesOf(U).at(-1)?.opcode).toBe(opcode);
    await U.reply("200 OK");
    await C.response(200);
  }
});

test("WS-5-1 a WebSocket is reliable: an INVITE to a silent browser is sent once", async () => {
  const { U, C } = await cast({ client: "ws", core: "tcp", settings: { SLUICE_T1_MS: "50" } });
  const path = await register(U, C);
  await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
  await U.request("INVITE");
  await U.nothing(500);
});

test("WS-5-2 two SIP messages in one WebSocket message are answered 400 and go no further", async () => {
  const { U, C } = await cast({ client: "ws" });
  const one = complete("OPTIONS sip:bob@example.com SIP/2.0", U);
  await U.send(one + one);
  await U.response(400);
  await C.nothing();
});

test("WS-5-3 WS-5-4 Content-Length may be missing, is added towards a TCP core, and is 400 if it promises too much", async () => {
  const { U, C } = await cast({ client: "ws", core: "tcp" });
  const withBody = complete("MESSAGE sip:bob@example.com SIP/2.0\n\nhello", U);
  await U.send(withBody.replace(/Content-Length: 5\r\n/, ""));
  const message = await C.request("MESSAGE");
  expect([message.header("Content-Length"), message.body]).toEqual(["5", "hello"]);
  await U.send(withBody.replace("Content-Length: 5", "Content-Length: 6"));
  await U.response(400);
  await C.nothing();
});

test("WS-5-5 WS-6-2 a REGISTER in five fragments with a ping in the middle: 200 and a pong", async () => {
  const company = await cast({ client: "ws" });
  const socket = await upgraded(company);
  const text = complete(REGISTER, BROWSER);
  const at = (part: number): number => Math.floor((text.length * part) / 5);
  for (let part = 0; part < 5; part += 1) {
    socket.write(frame(part === 0 ? Opcode.text : Opcode.continuation, text.slice(at(part), at(part + 1)), { fin: part === 4 }));
    if (part === 2) socket.write(frame(Opcode.ping, "abc"));
  }
  socket.write(frame(Opcode.pong, "nobody asked"));
  const pong = await socket.frame();
  expect([pong.opcode, pong.payload.toString()]).toEqual([Opcode.pong, "abc"]);
  await company.C.request("REGISTER");
  await company.C.reply("200 OK");
  expect((await socket.frame()).payload.toString()).toMatch(/^SIP\/2.0 200 /);
});

test("WS-6-1 OB-5.4-2 a double CRLF in a message is answered with a CRLF in a message of the same type", async () => {
  const company = await cast({ client: "ws" });
  const socket = await upgraded(company);
  for (const opcode of [Opcode.text, Opcode.binary]) {
    socket.write(frame(opcode, "\r\n\r\n"));
    const pong = await socket.frame();
    expect([pong.opcode, pong.payload.toString()]).toEqual([opcode, "\r\n"]);
  }
  socket.write(frame(Opcode.text, "\r\n"));
  socket.write(frame(Opcode.ping, "still there"));
  expect((await socket.frame()).payload.toString()).toBe("still there");
});

describe.concurrent("silent browsers", () => {
  test("WS-6-3 a silent browser is pinged, stays alive if it answers, and is closed if it does not", { timeout: 40_000 }, async ({ onTestFinished }) => {
    const company = await cast({ client: "ws", settings: { SLUICE_WS_PING_SECONDS: "1" } }, onTestFinished);
    const { U, C } = company;
    const path = await register(U, C);
    const silent = await upgraded(company, onTestFinished);
    expect((await silent.frame()).opcode).toBe(Opcode.ping);
    expect(await silent.frame(14_000)).toMatchObject({ opcode: Opcode.close });
    await silent.expectClosed();
    // U has answered each of its pings meanwhile, as a browser does by itself.
    expect(framesOf(U).filter(({ opcode }) => opcode === Opcode.ping).length).toBeGreaterThan(5);
    await C.say(`OPTIONS sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}`);
    await U.request("OPTIONS");
  });

  test("OB-5.4-13 WS-6-3 with Flow-Timer a browser that answers pings keeps its flow", { timeout: 40_000 }, async ({ onTestFinished }) => {
    const { U, C } = await cast({ client: "ws", settings: { SLUICE_WS_PING_SECONDS: "2", SLUICE_FLOW_TIMER: "2" } }, onTestFinished);
    const path = await register(U, C, 1, "Require: outbound");
    await sleep(9_000);
    await C.say(`OPTIONS sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}`);
    await U.request("OPTIONS");
  });

  test("OB-5.4-13 WS-6-3 the ping comes before supervision ends, however long WebSockets may otherwise be silent", { timeout: 40_000 }, async ({ onTestFinished }) => {
    const { U, C } = await cast({ client: "ws", settings: { SLUICE_WS_PING_SECONDS: "30", SLUICE_FLOW_TIMER: "2" } }, onTestFinished);
    const path = await register(U, C, 1, "Require: outbound");
    await sleep(9_000);
    await C.say(`OPTIONS sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}`);
    await U.request("OPTIONS");
  });
});

test("WS-F-4 OB-5.3.1-4 a close frame is answered, the connection ends, and the flow's token is 430", async () => {
  const { U, C } = await cast({ client: "ws" });
  const path = await register(U, C);
  await wire(U).raw(closeFrame(1001, "bye"));
  await wire(U).expectClosed();
  expect(framesOf(U).at(-1)).toMatchObject({ opcode: Opcode.close, payload: Buffer.from([0x03, 0xe9]) });
  await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
  await C.response(430);
});

test("WS-5.3-2 WS-5.3-3 a response to a browser that has gone is dropped, and its .invalid host is never looked up", async () => {
  const { U, C, SUT } = await cast({ client: "ws" });
  await U.say("MESSAGE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKgone");
  await C.request("MESSAGE");
  await U.close();
  await C.reply("200 OK");
  await C.say(`INVITE sip:b@df7jal23ls0d.invalid;transport=ws SIP/2.0\nContact: <sip:C@${C.at}>`);
  expect([403, 404, 430, 480]).toContain((await C.next()).status);
  expect(SUT.output).not.toContain("cannot resolve");
});

test("WS-5.5-1 a Route to our address with transport=ws and no port means port 80, not this listener", async () => {
  const { U, C } = await cast({ client: "ws" });
  await U.say("OPTIONS sip:bob@example.com SIP/2.0\nRoute: <sip:127.0.0.1:1;transport=ws;lr>");
  expect((await U.next()).status).toBeGreaterThanOrEqual(400);
  await C.nothing();
});

test("WS-F-6 the first frame may come in the segment of the handshake", async () => {
  const company = await cast({ client: "ws" });
  const socket = await RawSocket.open(company.client);
  onTestFinished(() => socket.end());
  socket.write(Buffer.concat([Buffer.from(upgradeRequest("edge")), frame(Opcode.text, complete("OPTIONS sip:bob@example.com SIP/2.0", BROWSER))]));
  await socket.until((octets) => octets.includes("\r\n\r\n"));
  await company.C.request("OPTIONS");
});

test("WS-F-5 WS-4.1-2 the ws package as a client: sip among other protocols, its compression declined", async () => {
  const company = await cast({ client: "ws" });
  const browser = new WebSocket(`ws://${company.client}/`, ["chat", "sip"], { perMessageDeflate: true });
  onTestFinished(() => browser.terminate());
  await new Promise((resolve, reject) => browser.once("open", resolve).once("error", reject));
  expect([browser.protocol, browser.extensions]).toEqual(["sip", ""]);
  browser.send(complete("OPTIONS sip:bob@example.com SIP/2.0", BROWSER));
  await company.C.request("OPTIONS");
  const answer = new Promise<string>((resolve) => browser.once("message", (data) => resolve(Buffer.isBuffer(data) ? data.toString("latin1") : "")));
  await company.C.reply("200 OK");
  expect(await answer).toMatch(/^SIP\/2.0 200 /);
});

test("TR-17 WS-5-5 the octets of handshake and frames may be cut anywhere", { timeout: 40_000 }, async () => {
  const company = await cast({ client: "ws" });
  const all = Buffer.concat([Buffer.from(upgradeRequest("edge")), frame(Opcode.text, complete("OPTIONS sip:bob@example.com SIP/2.0", BROWSER))]);
  // A separate segment for each octet covers every cut at once; the halves show that the order of cuts does not matter.
  const cuts = [Array.from({ length: all.length - 1 }, (_, at) => at + 1), [1], [5], [all.indexOf("\r\n\r\n") + 2], [all.indexOf("\r\n\r\n") + 5], [all.length - 1]];
  for (const points of cuts) {
    const socket = await RawSocket.open(company.client);
    socket.socket.setNoDelay(true);
    for (const [index, point] of [...points, all.length].entries()) {
      socket.write(all.subarray(points[index - 1] ?? 0, point));
      await sleep(1);
    }
    await company.C.request("OPTIONS");
    socket.end();
  }
});
