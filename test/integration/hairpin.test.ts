/** Both UAs behind the same edge, and a core that does not record-route: Route then consists of four URIs, all ours (RFC 5626 5.3). */
import { expect, test } from "vitest";
import type { Cast } from "../support/cast.js";
import { sendBack, sendOn } from "../support/core-proxy.js";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";

interface Call {
  readonly callId: string;
  readonly routeOfU: string;
  readonly routeOfU2: string;
}

/** U calls U2 through C; both answer and acknowledge along the route set. */
async function connect({ U, U2, C, scene }: Cast, contact: string): Promise<Call> {
  const path = await register(U2, C);
  const callId = `hairpin@${scene}`;
  await U.say(`INVITE sip:U2@example.com SIP/2.0\nCall-ID: ${callId}\nContact: ${contact}`);
  await C.request("INVITE");
  const atCore = C.last;
  await sendOn(C, atCore, `sip:U2@${U2.at}`, path);
  const invite = await U2.request("INVITE");
  expect(invite.all("Route")).toEqual([]);
  const recorded = invite.all("Record-Route");
  expect(recorded).toHaveLength(4);
  await U2.reply("200 OK", `Contact: <sip:U2@${U2.at};ob>`);
  await sendBack(await C.response(200), atCore);
  const ok = await U.response(200);
  expect(ok.all("Record-Route")).toEqual(recorded);
  const call = { callId, routeOfU: [...recorded].reverse().join(", "), routeOfU2: recorded.join(", ") };
  await U.say(`ACK sip:U2@${U2.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=U2\nRoute: ${call.routeOfU}`);
  const ack = await U2.request("ACK");
  expect(ack.all("Route")).toEqual([]);
  return call;
}

for (const client of ["udp", "tcp"] as const) {
  for (const shared of [false, true]) {
    const where = `${client}, ${shared ? "shared listeners" : "two sides"}`;

    test(`OB-5.3-10 OB-5.3.2-7 OB-5.3-5 SA-3 calls within one edge, BYE from the caller, ${where}`, async () => {
      const company = await cast({ client, shared });
      const { U, U2, C } = company;
      const { callId, routeOfU } = await connect(company, `<sip:U@${U.at};ob>`);
      await U.say(`BYE sip:U2@${U2.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=U2\nRoute: ${routeOfU}`);
      const bye = await U2.request("BYE");
      expect(bye.all("Route")).toEqual([]);
      expect(bye.header("Max-Forwards")).toBe("69");
      await U2.reply("200 OK");
      await U.response(200);
      await C.nothing();
    });

    test(`OB-5.3-10 OB-5.3.2-7 calls within one edge, re-INVITE and BYE from the callee, ${where}`, async () => {
      const company = await cast({ client, shared });
      const { U, U2, C } = company;
      const { callId, routeOfU2 } = await connect(company, `<sip:U@${U.at};ob>`);
      const inDialog = `Call-ID: ${callId}\nTo: <sip:x@example.com>;tag=U\nRoute: ${routeOfU2}`;
      await U2.say(`INVITE sip:U@${U.at} SIP/2.0\n${inDialog}\nContact: <sip:U2@${U2.at}>`);
      await U.request("INVITE");
      await U.reply("200 OK", `Contact: <sip:U@${U.at};ob>`);
      await U2.response(200);
      await U2.say(`ACK sip:U@${U.at} SIP/2.0\n${inDialog}`);
      await U.request("ACK");
      await U2.say(`BYE sip:U@${U.at} SIP/2.0\nCSeq: 2 BYE\n${inDialog}`);
      await U.request("BYE");
      await U.reply("200 OK");
      await U2.response(200);
      await C.nothing();
    });
  }
}

test("OB-5.3-10 a BYE to a client whose connection has ended is 430 within the hairpin and 480 for the sender", async () => {
  const company = await cast({ client: "tcp" });
  const { U, U2, C } = company;
  const { callId, routeOfU } = await connect(company, `<sip:U@${U.at};ob>`);
  await U2.close();
  await U.settle();
  await U.say(`BYE sip:U2@${U2.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=U2\nRoute: ${routeOfU}`);
  expect([430, 480]).toContain((await U.next()).status);
  await C.nothing();
});

test("OB-5.3-6 SA-3 a caller that has reconnected still reaches the callee along the old route set", async () => {
  const company = await cast({ client: "tcp" });
  const { U, U2 } = company;
  const { callId, routeOfU } = await connect(company, `<sip:U@${U.at};ob>`);
  await U.close();
  await company.reconnect(U);
  await U.say(`BYE sip:U2@${U2.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=U2\nRoute: ${routeOfU}`);
  await U2.request("BYE");
  await U2.reply("200 OK");
  await U.response(200);
});

test("OB-5.3.1-18 a real dialog proves that a client may use a token", async () => {
  const company = await cast();
  const { U, U2, C, scene } = company;
  const path = await register(U, C);
  await U2.say(`MESSAGE sip:U@${U.at} SIP/2.0\nCall-ID: no-dialog@${scene}\nRoute: ${path.join(", ")}`);
  await U2.response(403);
  await U.nothing();
  const { callId, routeOfU2 } = await connect(company, `<sip:U@${U.at};ob>`);
  await U2.say(`BYE sip:U@${U.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=U\nRoute: ${routeOfU2}`);
  await U.request("BYE");
});
