/** Edge and registrar in one process: phones register with it and call each other through it (RFC 5626 3.2, 5.3, 7). */
import { expect, test } from "vitest";
import type { Party } from "../support/party.js";
import { Home, instanceOf } from "../support/home.js";

interface Call {
  readonly callId: string;
  readonly callerRoute: string;
  readonly calleeRoute: string;
}

/** `from` calls `to`: INVITE, 180, 200, ACK. */
async function call(from: Party, to: Party, callId: string): Promise<Call> {
  await from.say(`INVITE sip:${to.name}@example.com SIP/2.0\nCall-ID: ${callId}\nContact: <sip:${from.name}@${from.at}>`);
  await from.response(100);
  const invite = await to.request("INVITE");
  expect(invite.uri).toBe(`sip:${to.name}@${to.at}`);
  expect(invite.header("Max-Forwards")).toBe("69");
  await to.reply("180 Ringing");
  await from.response(180);
  await to.reply("200 OK", `Contact: <sip:${to.name}@${to.at}>`);
  const ok = await from.response(200);
  const recorded = invite.all("Record-Route");
  expect(ok.all("Record-Route")).toEqual(recorded);
  const call = { callId, callerRoute: [...recorded].reverse().join(", "), calleeRoute: recorded.join(", ") };
  await from.say(`ACK sip:${to.name}@${to.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=${to.name}\nRoute: ${call.callerRoute}`);
  await to.request("ACK");
  return call;
}

for (const [one, other] of [["udp", "udp"], ["tcp", "tcp"], ["udp", "tcp"], ["tcp", "udp"]] as const) {
  test(`SA-1 SA-3 OB-7-12 OB-6-22 phones register and call each other, ${one} to ${other}`, async () => {
    const home = await Home.shared();
    const bob = await home.phone("bob", one);
    const alice = await home.phone("alice", other);
    await home.register(bob, { instance: instanceOf("bob") });
    await home.register(alice);
    const { callId, callerRoute, calleeRoute } = await call(bob, alice, `call@${home.scene}`);
    await alice.say(`INVITE sip:bob@${bob.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=bob\nCSeq: 7 INVITE\nRoute: ${calleeRoute}\nContact: <sip:alice@${alice.at}>`);
    await bob.request("INVITE");
    await bob.reply("200 OK", `Contact: <sip:bob@${bob.at}>`);
    await alice.response(200);
    await bob.say(`BYE sip:alice@${alice.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=alice\nCSeq: 2 BYE\nRoute: ${callerRoute}`);
    const bye = await alice.request("BYE");
    expect(bye.all("Route")).toEqual([]);
    await alice.reply("200 OK");
    await bob.response(200);
  });
}
