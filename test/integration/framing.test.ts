/** A stream may be cut and joined anywhere: the messages are the same (RFC 3261 18.3). */
import { expect, test } from "vitest";
import { cast } from "../support/cast.js";
import { complete } from "../support/sip-text.js";
import { INSTANCE } from "../support/calls.js";

test("TR-17 GR-6 a REGISTER cut in two at any octet is one REGISTER", async () => {
  let point = 0;
  const { U, C } = await cast({ client: "tcp", core: "udp", split: (text) => [text.slice(0, point), text.slice(point)] });
  const text = (cseq: number): string =>
    complete(
      `REGISTER sip:example.com SIP/2.0\nCSeq: ${cseq} REGISTER\nSupported: path,\n outbound\nContact: <sip:U@${U.at}>;reg-id=1;+sip.instance="${INSTANCE}"\nSubject:\n folded\n\nbody\n\nof a message`,
      U,
    );
  const { length } = text(1_000);
  for (point = 1; point < length; point += 1) {
    await U.send(text(999 + point));
    const register = await C.request("REGISTER");
    expect(register.header("CSeq"), `cut at ${point}`).toBe(`${999 + point} REGISTER`);
    expect(register.all("Path"), `cut at ${point}`).toHaveLength(2);
    expect(register.body).toBe("body\r\n\r\nof a message");
    // Otherwise it would be retransmitted, because the core side is UDP.
    await C.reply("200 OK");
    await U.response(200);
  }
  await U.nothing();
});

test("TR-17 a hundred messages in one segment, with pings between them, are a hundred messages", async () => {
  const { U, C } = await cast({ client: "tcp" });
  let text = "";
  for (let at = 1; at <= 100; at += 1) {
    text += complete(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at} MESSAGE\n\n${"x".repeat(at)}`, U);
    if (at % 10 === 0) text += "\r\n\r\n";
  }
  await U.send(text);
  for (let at = 1; at <= 100; at += 1) {
    const message = await C.request("MESSAGE");
    expect(message.header("CSeq")).toBe(`${at} MESSAGE`);
    expect(message.body).toHaveLength(at);
  }
  for (let at = 0; at < 10; at += 1) await U.pong();
  await U.nothing();
});

test("OB-5.4-4 a REGISTER with each CRLF in a separate segment gets no pong", async () => {
  const { U, C } = await cast({ client: "tcp", split: (text) => text.split(/(\r\n)/).filter((piece) => piece !== "") });
  await U.say("REGISTER sip:example.com SIP/2.0\nContact: <sip:U@192.0.2.1>\n\n\n\n\nbody\n\n");
  const register = await C.request("REGISTER");
  expect(register.body).toBe("\r\n\r\n\r\nbody\r\n\r\n");
  await U.nothing();
});

test("OB-5.4-8 a flood of pings is answered or cut off, and others are served", async () => {
  const { U, U2, C } = await cast({ client: "tcp" });
  await U.wire.send("\r\n\r\n".repeat(50_000));
  await U2.say("MESSAGE sip:bob@example.com SIP/2.0");
  await C.request("MESSAGE");
  await C.reply("200 OK");
  await U2.response(200);
});

test("TR-14 TR-17 responses of the core cut at every octet", async () => {
  let point = 0;
  const { U, C } = await cast({ client: "udp", core: "tcp", split: (text) => [text.slice(0, point), text.slice(point)] });
  for (let at = 1; at <= 200; at += 1) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at} MESSAGE`);
    await C.request("MESSAGE");
    point = at;
    await C.reply("200 OK", "X-Filler: none\n\nbody");
    expect((await U.response(200)).body).toBe("body");
    point = 0;
  }
});
