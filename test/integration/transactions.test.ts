/** Transactions from both sides: retransmissions, ACK, CANCEL and their timers (RFC 3261 17, RFC 6026, RFC 4320). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { metric } from "../support/crowd.js";
import { Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import { freePort, hostPort } from "../support/ports.js";
import type { Transport } from "../support/wire.js";

interface Stage {
  readonly home: Home;
  readonly A: Party;
  readonly B: Party;
}

async function callee(transport: Transport = "udp", settings: Record<string, string> = {}, caller: Transport = "udp"): Promise<Stage> {
  const home = await Home.shared(settings);
  const B = await home.phone("bob", transport);
  await home.register(B, { instance: instanceOf("bob") });
  return { home, B, A: await home.phone("A", caller) };
}

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";

function cancelOf(invite: string): string {
  const via = /^Via: (.*)\r$/m.exec(invite)?.[1] ?? "";
  return `CANCEL sip:bob@example.com SIP/2.0\nVia: ${via}`;
}

/** The ACK to a final response other than 2xx, as the caller's transaction sends it. */
function ackOf(invite: string, to: string): string {
  const via = /^Via: (.*)\r$/m.exec(invite)?.[1] ?? "";
  return `ACK sip:bob@example.com SIP/2.0\nVia: ${via}\nTo: ${to}`;
}

test("TX-6 PX-16.2-1 PX-16.7-2 a retransmitted INVITE gets the last provisional response again, and goes no further", async () => {
  const { A, B } = await callee();
  await A.say(INVITE);
  const octets = A.sent;
  // Before any response of the callee, so long before 200 ms.
  await A.atOnce(100);
  await B.request("INVITE");
  await A.send(octets);
  await A.response(100);
  await B.reply("180 Ringing");
  await A.response(180);
  await A.send(octets);
  await A.response(180);
  await B.nothing();
});

test("TX-7 TX-4 TX-5 a failure is retransmitted until the ACK, and acknowledged each time it arrives", async () => {
  const { A, B } = await callee("udp", { SLUICE_T1_MS: "100" });
  await A.say(INVITE);
  const invite = A.sent;
  const sent = await B.request("INVITE");
  const asked = B.last;
  for (let times = 1; times <= 3; times += 1) {
    await B.reply("486 Busy Here", "", asked);
    const ack = await B.request("ACK");
    expect(ack.all("Via")).toEqual([sent.header("Via")]);
    expect(ack.header("To")).toContain("tag=bob");
    expect(ack.header("CSeq")).toBe("1 ACK");
  }
  const first = await A.response(486);
  const second = await A.response(486);
  expect(second.text).toBe(first.text);
  await A.say(ackOf(invite, first.header("To")));
  await A.settle();
  A.forget();
  await sleep(500);
  await A.nothing();
  await A.send(invite);
  await A.nothing();
});

for (const [transport, copies] of [["udp", true], ["tcp", false]] as const) {
  test(`TX-1 TX-2 PX-16.7-6 an unanswered INVITE: ${copies ? "retransmitted" : "one copy"}, then 408, ${transport}`, async () => {
    const { A, B } = await callee(transport, { SLUICE_T1_MS: "120", SLUICE_BRANCH_TIMEOUT_SECONDS: "3" });
    const started = performance.now();
    await A.say(INVITE);
    const over = A.response(408).then(() => undefined);
    const times: number[] = [];
    for (;;) {
      const copy = await Promise.race([B.next().catch(() => undefined), over]);
      if (!copy) break;
      times.push(performance.now() - started);
    }
    await over;
    // A slow machine sends each one later, never earlier. The last one is due 1.2 s before timer B, and the next would be 0.7 s after it.
    const due = copies ? [0, 120, 360, 840, 1_800] : [0];
    expect(times).toHaveLength(due.length);
    for (const [at, time] of times.entries()) expect(time).toBeGreaterThan((due[at] ?? 0) - 5);
  });
}

test("TX-3 NI-5 NI-2 NI-4 an unanswered MESSAGE: copies, a 100 once the sender has slowed down, and no 408", async () => {
  const { A, B } = await callee("udp", { SLUICE_T1_MS: "250", SLUICE_BRANCH_TIMEOUT_SECONDS: "5" });
  const started = Date.now();
  await A.say("MESSAGE sip:bob@example.com SIP/2.0\n\nhello");
  await B.request("MESSAGE");
  await A.response(100);
  expect(Date.now() - started).toBeGreaterThan(3_500);
  await B.request("MESSAGE");
  await sleep(1_500);
  await A.nothing();
});

test("NI-1 TX-8 a 183 to a MESSAGE stays here, and its 200 is repeated for retransmissions", async () => {
  const { A, B } = await callee();
  await A.say("MESSAGE sip:bob@example.com SIP/2.0\n\nhello");
  const octets = A.sent;
  await B.request("MESSAGE");
  await B.reply("183 Session Progress");
  await A.nothing();
  await B.reply("200 OK");
  const ok = await A.response(200);
  await A.send(octets);
  expect((await A.response(200)).text).toBe(ok.text);
  await B.nothing();
});

test("TX-9 TX-10 the same branch from another sent-by or another flow is another transaction", async () => {
  const { home, A, B } = await callee();
  const other = await home.phone("other");
  const text = (party: Party, sentBy: string): string =>
    `MESSAGE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP ${sentBy};branch=z9hG4bKsame;rport\nCall-ID: same@${party.scene}`;
  await A.say(text(A, A.at));
  await B.request("MESSAGE");
  await A.say(text(A, "192.0.2.9:5060"));
  await B.request("MESSAGE");
  await other.say(text(other, A.at));
  await B.request("MESSAGE");
});

test("IT-1 IT-2 IT-3 IT-4 after a 2xx: the INVITE is absorbed, every 2xx passes, and the ACK goes through", async () => {
  const { A, B } = await callee();
  await A.say(INVITE);
  const octets = A.sent;
  const invite = await B.request("INVITE");
  const asked = B.last;
  await B.reply("200 OK", `Contact: <sip:bob@${B.at}>`);
  await A.response(200);
  await A.send(octets);
  await A.nothing();
  await B.nothing();
  await B.reply("200 OK", `Contact: <sip:bob@${B.at}>`, asked);
  const ok = await A.response(200);
  const via = invite.all("Via").at(-1) ?? "";
  await A.say(`ACK sip:bob@${B.at} SIP/2.0\nVia: ${via}\nTo: ${ok.header("To")}\nRoute: ${[...ok.all("Record-Route")].reverse().join(", ")}`);
  await B.request("ACK");
});

test("CAN-1 CAN-5 CAN-10 a CANCEL waits until the callee answers, has one effect however often it arrives, and its 487 is acknowledged", async () => {
  const { A, B } = await callee();
  await A.say(INVITE);
  const invite = A.sent;
  await B.request("INVITE");
  const asked = B.last;
  const cancel = cancelOf(invite);
  for (let times = 1; times <= 3; times += 1) {
    await A.say(cancel);
    expect((await A.response(200)).header("CSeq")).toBe("1 CANCEL");
  }
  await B.nothing();
  await B.reply("100 Trying");
  await B.request("CANCEL");
  await B.reply("200 OK");
  await B.nothing();
  await B.reply("487 Request Terminated", "", asked);
  await B.request("ACK");
  const answer = await A.response(487);
  expect(answer.header("CSeq")).toBe("1 INVITE");
  await A.say(ackOf(invite, answer.header("To")));
  await A.nothing();
});

test("CAN-7 CAN-6 a 2xx that crosses the CANCEL wins, and a later CANCEL changes nothing", async () => {
  const { A, B } = await callee();
  await A.say(INVITE);
  const invite = A.sent;
  await B.request("INVITE");
  const asked = B.last;
  await B.reply("180 Ringing");
  await A.response(180);
  await A.say(cancelOf(invite));
  await A.response(200);
  await B.request("CANCEL");
  await B.reply("481 Call/Transaction Does Not Exist");
  await B.reply("200 OK", `Contact: <sip:bob@${B.at}>`, asked);
  expect((await A.response(200)).header("CSeq")).toBe("1 INVITE");
  await A.say(cancelOf(invite));
  expect((await A.response(200)).header("CSeq")).toBe("1 CANCEL");
  await B.nothing();
});

test("CAN-4 CAN-9 a CANCEL without a matching transaction is 481, whatever it requires", async () => {
  const { A, B } = await callee();
  await A.say("CANCEL sip:bob@example.com SIP/2.0\nProxy-Require: nothing-known");
  await A.response(481);
  await B.nothing();
});

for (const path of ["on", "off"]) test(`CAN-9 a CANCEL ends here, so it takes effect whatever else in it cannot be read, with SLUICE_FAST_PATH=${path}`, async () => {
  const { A, B } = await callee("udp", { SLUICE_FAST_PATH: path });
  await A.say(INVITE);
  const invite = A.sent;
  await B.request("INVITE");
  await B.reply("180 Ringing");
  await A.response(180);
  await A.say(`${cancelOf(invite)}\nContact: <sip:\nRecord-Route: ,\nEvent: one\nEvent: two`);
  expect((await A.response(200)).header("CSeq")).toBe("1 CANCEL");
  await B.request("CANCEL");
});

test("CAN-11 a callee that never ends a cancelled call is given up: 487", async () => {
  const { A, B } = await callee("udp", { SLUICE_T1_MS: "20" });
  await A.say(INVITE);
  const invite = A.sent;
  await B.request("INVITE");
  await B.reply("180 Ringing");
  await A.response(180);
  // The INVITE may have been repeated before the 180 came.
  await B.settle();
  B.forget();
  await A.say(cancelOf(invite));
  await A.response(200);
  await B.request("CANCEL");
  await B.reply("200 OK");
  await A.response(487);
});

test("PX-16.6-14 PX-16.8-1 timer C: a call that rings too long is cancelled, and each 18x restarts the timer", async () => {
  const { A, B } = await callee("tcp", { SLUICE_TIMER_C_SECONDS: "2" }, "tcp");
  await A.say(INVITE);
  await B.request("INVITE");
  const asked = B.last;
  // Longer than the timer in all, and each pause a twentieth of it: a slow machine does not make it end.
  for (let times = 1; times <= 26; times += 1) {
    await B.reply("180 Ringing", "", asked);
    await A.response(180);
    await sleep(100);
  }
  await B.nothing();
  await B.request("CANCEL");
  await B.reply("200 OK");
  await B.reply("487 Request Terminated", "", asked);
  await A.response(487);
});

test("NI-6 IT-6 a response that arrives after the end of the transaction is dropped", async () => {
  const admin = await freePort();
  const { A, B } = await callee("udp", { SLUICE_T1_MS: "20", SLUICE_BRANCH_TIMEOUT_SECONDS: "1", SLUICE_ADMIN_LISTEN: hostPort("127.0.0.1", admin) });
  const held = (): Promise<number> => metric(admin, "requests_held");
  await A.say("MESSAGE sip:bob@example.com SIP/2.0\n\nhello");
  await B.request("MESSAGE");
  const asked = B.last;
  expect(await held()).toBe(1);
  await expect.poll(held).toBe(0);
  await B.settle();
  B.forget();
  A.forget();
  await B.reply("200 OK", "", asked);
  await A.nothing();
});

test("IT-7 if the caller's connection ends, the server and the callee are left in a clean state", async () => {
  const { A, B } = await callee("udp", {}, "tcp");
  await A.say(INVITE);
  await B.request("INVITE");
  await A.close();
  await B.settle();
  await B.reply("486 Busy Here");
  await B.request("ACK");
});

test("IT-9 copies of a 2xx and an ACK for a caller whose connection has ended go nowhere and do no harm", async () => {
  const { A, B } = await callee("udp", {}, "tcp");
  await A.say(INVITE);
  await B.request("INVITE");
  const invite = B.last;
  await B.reply("200 OK", "Contact: <sip:bob@192.0.2.2>", invite);
  await A.response(200);
  await A.close();
  await B.settle();
  for (let times = 0; times < 3; times += 1) await B.reply("200 OK", "Contact: <sip:bob@192.0.2.2>", invite);
  await B.nothing();
});

test("PX-16.3-4 PX-16.6-1 PX-16.7-10 PX-16.7-9 what does not concern the proxy passes octet by octet, both ways", async () => {
  const { A, B } = await callee();
  const odd = "Subject:  odd   spacing\nX-Weird: \u00fc;;,<\"\nDate: yesterday\nSupported: a,b ,  c\nRequire: foo\nPath: <sip:p@192.0.2.1;lr>";
  await A.say(`MESSAGE sip:bob@example.com SIP/2.0\n${odd}\nP-Asserted-Identity: <sip:boss@example.com>\nContent-Type: text/plain\n\nb\u00f6dy\n\n`);
  const message = await B.request("MESSAGE");
  for (const line of odd.split("\n")) expect(message.text).toContain(`${line}\r\n`);
  expect(message.body).toBe("b\u00f6dy\r\n\r\n");
  // Only a neighbour may assert this.
  expect(message.text).not.toContain("P-Asserted-Identity");
  await B.reply("200 OK", "X-Weird:   back ;,\nSubject: x");
  expect((await A.response(200)).text).toContain("X-Weird:   back ;,\r\n");
});
