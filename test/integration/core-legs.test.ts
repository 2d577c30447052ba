/** Legs of different reliability: the edge's own duties between a reliable core and a UDP client (RFC 3261 16.1, 17.1). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import { complete } from "../support/sip-text.js";

const T1 = 100;
const settings = { SLUICE_T1_MS: String(T1) };

test("PX-16.1-2 TX-1 an INVITE from a TCP core to a UDP client is retransmitted until a provisional response", async () => {
  const { U, C } = await cast({ core: "tcp", settings });
  const path = await register(U, C);
  await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
  const first = await U.request("INVITE");
  const second = await U.request("INVITE");
  expect(second.text).toBe(first.text);
  await U.request("INVITE");
  const asked = U.last;
  await U.reply("180 Ringing");
  await C.response(180);
  // What was sent before the 180 came.
  await U.settle();
  U.forget();
  await U.nothing(12 * T1);
  await U.reply("200 OK", `Contact: <sip:U@${U.at}>`, asked);
  await C.response(200);
  await C.nothing();
});

test("PX-16.1-2 TX-3 a MESSAGE from a TCP core to a UDP client is retransmitted until its final response", async () => {
  const { U, C } = await cast({ core: "tcp", settings });
  const path = await register(U, C);
  await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\n\nhello`);
  const first = await U.request("MESSAGE");
  expect((await U.request("MESSAGE")).text).toBe(first.text);
  await U.reply("200 OK");
  await C.response(200);
  await U.settle();
  U.forget();
  await U.nothing(12 * T1);
  await C.nothing();
});

test("TX-2 PX-16.1-2 between two UDP legs, retransmission is up to the sender", async () => {
  const { U, C } = await cast({ settings });
  const path = await register(U, C);
  await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}`);
  await U.request("MESSAGE");
  await U.nothing(8 * T1);
});

test("TX-2 a TCP client gets only one copy", async () => {
  const { U, C } = await cast({ client: "tcp", core: "tcp", settings });
  const path = await register(U, C);
  await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
  await U.request("INVITE");
  await U.nothing(8 * T1);
});

test("PX-16.1-2 a UDP client's retransmission is answered for a TCP core even if the first response was lost", async () => {
  const { U, C } = await cast({ core: "tcp" });
  const request = `MESSAGE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP ${U.at};branch=z9hG4bK-again;rport`;
  await U.say(request);
  await C.request("MESSAGE");
  await C.reply("200 OK");
  await U.response(200);
  await U.say(request);
  // The core would never retransmit over TCP, so the edge does.
  await U.response(200);
  await C.nothing();
});

test("TX-11 a request that is never answered is forgotten in time", async () => {
  const { U, C } = await cast({ core: "tcp", settings: { ...settings, SLUICE_BRANCH_TIMEOUT_SECONDS: "1" } });
  const path = await register(U, C);
  await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}`);
  await U.request("MESSAGE");
  await sleep(2_000);
  U.forget();
  await U.nothing(6 * T1);
});

test("TR-22 PX-16.1-2 a thousand requests to a TCP core share one connection", async () => {
  const { U, C } = await cast({ core: "tcp" });
  const { CoreTcp } = await import("../support/core-tcp.js");
  for (let at = 1; at <= 1_000; at += 1) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at} MESSAGE`);
    const request = await C.request("MESSAGE");
    expect(request.header("CSeq")).toBe(`${at} MESSAGE`);
  }
  expect(C.wire instanceof CoreTcp ? C.wire.accepted.length : 0).toBe(1);
});

test("TR-14 TR-17 messages in both directions keep their bodies between UDP and TCP", async () => {
  for (const [client, core] of [["udp", "tcp"], ["tcp", "udp"]] as const) {
    const { U, C } = await cast({ client, core });
    const path = await register(U, C);
    const body = "0123456789".repeat(90);
    await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\n\n${body}`);
    expect((await U.request("MESSAGE")).body).toBe(body);
    await U.reply("200 OK", `X-Reply: yes\n\n${body}`);
    expect((await C.response(200)).body).toBe(body);
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\n\n${body}`);
    expect((await C.request("MESSAGE")).body).toBe(body);
  }
});

test("TR-10 a datagram of 60 kB is accepted", async () => {
  const { U, C } = await cast({ core: "tcp" });
  const body = "x".repeat(60_000);
  await U.say(`MESSAGE sip:bob@example.com SIP/2.0\n\n${body}`);
  expect((await C.request("MESSAGE")).body).toBe(body);
});

test("TR-17 OB-5.3.1-12 a core that pours a thousand requests into one connection loses neither the connection nor any request", async () => {
  const { U, C } = await cast({ client: "tcp", core: "tcp" });
  const path = await register(U, C);
  const count = 1_000;
  let stream = "";
  for (let at = 1; at <= count; at += 1) {
    stream += complete(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: ${at} MESSAGE\nRoute: ${path.join(", ")}\n\n${"x".repeat(400)}`, C);
  }
  await C.send(stream);
  for (let at = 1; at <= count; at += 1) expect((await U.request("MESSAGE")).header("CSeq")).toBe(`${at} MESSAGE`);
  await C.settle();
});
