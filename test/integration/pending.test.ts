/** Requests waiting for a response on a client's flow: the flow may die or stall, or someone else may answer in its place. */
import { expect, test } from "vitest";
import { type SipMessage } from "../support/sip-message.js";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import { residentOctets } from "../support/processes.js";
import { responseTo } from "../support/sip-text.js";
import { TcpConnection } from "../support/tcp-connection.js";

for (const core of ["udp", "tcp"] as const) {
  test(`OB-5.3.1-9 PX-16.9-1 an INVITE pending on a connection that ends gets 430 within a second, core over ${core}`, async () => {
    const { U, C } = await cast({ client: "tcp", core });
    const path = await register(U, C);
    await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
    await U.request("INVITE");
    await U.close();
    const failed = await C.atOnce(430);
    expect(failed.header("CSeq")).toBe("1 INVITE");
    expect(failed.header("To")).toContain(";tag=");
    await C.nothing();
  });

  test(`OB-5.3.1-10 the same after a provisional response, and nothing after a final response, core over ${core}`, async () => {
    const { U, U2, C } = await cast({ client: "tcp", core });
    const path = await register(U, C);
    const path2 = await register(U2, C);
    await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
    await U.request("INVITE");
    await U.reply("180 Ringing");
    await C.response(180);
    await U.close();
    await C.atOnce(430);
    await C.say(`INVITE sip:U2@${U2.at} SIP/2.0\nCall-ID: two@${C.scene}\nRoute: ${path2.join(", ")}\nContact: <sip:C@${C.at}>`);
    await U2.request("INVITE");
    await U2.reply("200 OK", `Contact: <sip:U2@${U2.at}>`);
    await C.response(200);
    await U2.close();
    await C.nothing();
  });
}

test("OB-5.3.1-9 every request pending on the flow is answered once", async () => {
  const { U, C } = await cast({ client: "tcp" });
  const path = await register(U, C);
  for (let at = 1; at <= 50; at += 1) {
    await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nCSeq: ${at} MESSAGE`);
    await U.request("MESSAGE");
  }
  await U.close();
  const answered = new Set<string>();
  for (let at = 1; at <= 50; at += 1) answered.add((await C.response(430)).header("CSeq"));
  expect(answered.size).toBe(50);
  await C.nothing();
});

test("OB-5.3.1-14 ICMP port unreachable on a UDP flow gives 430 for requests in flight", async () => {
  const { U, C } = await cast();
  const path = await register(U, C);
  await U.close();
  await C.say(`INVITE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
  await C.atOnce(430);
});

test("OB-5.3.1-8 CAN-6 a CANCEL after the flow has died is answered and leaves no state", async () => {
  const { U, C } = await cast({ client: "tcp" });
  const path = await register(U, C);
  const same = `Via: SIP/2.0/UDP ${C.at};branch=z9hG4bK-late-cancel\nRoute: ${path.join(", ")}`;
  await C.say(`INVITE sip:U@${U.at} SIP/2.0\n${same}\nContact: <sip:C@${C.at}>`);
  await U.request("INVITE");
  await U.reply("180 Ringing");
  await C.response(180);
  await U.close();
  await C.atOnce(430);
  await C.say(`CANCEL sip:U@${U.at} SIP/2.0\n${same}`);
  const answer = await C.next();
  expect([200, 430, 481]).toContain(answer.status);
  expect(answer.header("CSeq")).toBe("1 CANCEL");
  await C.nothing();
});

for (const client of ["udp", "tcp"] as const) {
  test(`OB-5.3.1-11 TX-10 a response from a flow other than the one asked is dropped, ${client}`, async () => {
    const { U, U2, C } = await cast({ client });
    const path = await register(U, C);
    await C.say(`INVITE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
    const invite = await U.request("INVITE");
    await U2.send(responseTo(invite, "200 OK", "forger", `Contact: <sip:U2@${U2.at}>`));
    await C.nothing();
    await U.reply("200 OK", `Contact: <sip:U@${U.at}>`);
    expect((await C.response(200)).header("To")).toContain("tag=U");
  });

  test(`OB-5.3.1-11 IT-5 a client cannot answer a request of another client to the core, ${client}`, async () => {
    const { U, U2, C } = await cast({ client });
    await U.say("MESSAGE sip:bob@example.com SIP/2.0");
    const request = await C.request("MESSAGE");
    await U2.send(responseTo(request, "200 OK", "forger"));
    await U.nothing();
    await C.reply("200 OK");
    expect((await U.response(200)).header("To")).toContain("tag=C");
  });
}

test("OB-5.3.1-12 OB-5.4-8 a client that does not read loses its flow, memory stays bounded and others are served", async () => {
  const { SUT, U, U2, C } = await cast({ process: true, client: "tcp", settings: { SLUICE_QUEUE_MAX: "65536" } });
  const path = await register(U, C);
  const path2 = await register(U2, C);
  const before = residentOctets(SUT.pid);
  if (U.wire instanceof TcpConnection) U.wire.pause();
  const body = "x".repeat(30_000);
  let failed: SipMessage | undefined;
  // The kernel buffers some megabytes before the edge's queue fills.
  for (let at = 1; at <= 1_000 && !failed; at += 1) {
    await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nCSeq: ${at} MESSAGE\n\n${body}`);
    await C.settle();
    failed = await C.next(1).catch(() => undefined);
  }
  expect(failed?.status).toBe(430);
  expect(residentOctets(SUT.pid) - before).toBeLessThan(64 * 1024 * 1024);
  U.leave();
  await U.close();
  await U2.nothing();
  C.forget();
  await C.say(`MESSAGE sip:U2@${U2.at} SIP/2.0\nRoute: ${path2.join(", ")}`);
  await U2.request("MESSAGE");
});
