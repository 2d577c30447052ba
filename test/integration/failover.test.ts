/** Flows of one device behind several edges: one at a time, the next one if it fails, and never a 430 for the caller (RFC 5626 7). */
import { expect, test } from "vitest";
import { Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import type { Transport } from "../support/wire.js";

const EDGES = { SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2,127.0.0.3,127.0.0.4" };

/** No timer moves the call while a test waits, so it moves at once or not at all. */
const NEVER_LATER = { SLUICE_FAILOVER_MS: "600000" };

interface Stage {
  readonly home: Home;
  readonly A: Party;
  readonly E1: Party;
  readonly E2: Party;
}

/** Bob's phone has a flow through each of two edges; the one through E1 was registered last, so it is tried first. */
async function twoFlows(transport: Transport = "udp", settings: Record<string, string> = {}): Promise<Stage> {
  const home = await Home.shared({ ...EDGES, ...settings });
  const E1 = await home.edge("E1", "127.0.0.2", transport);
  const E2 = await home.edge("E2", "127.0.0.3", transport);
  await home.registerBehind(E2, "bob", { instance: instanceOf("bob"), regId: 2 });
  await home.registerBehind(E1, "bob", { instance: instanceOf("bob"), regId: 1 });
  return { home, E1, E2, A: await home.phone("A") };
}

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";

for (const transport of ["udp", "tcp"] as const) {
  test(`OB-7-1 OB-7-3 OB-7-7 OB-7-11 OB-7-23 OB-7-22 430 moves the call to the other flow at once, ${transport}`, async () => {
    const { A, E1, E2 } = await twoFlows(transport, NEVER_LATER);
    await A.say(`${INVITE}\nCall-ID: one@${A.scene}\nMax-Breadth: 1`);
    const first = await E1.request("INVITE");
    const lr = transport === "tcp" ? ";transport=tcp" : "";
    expect(first.uri).toBe("sip:bob@192.0.2.7:5062");
    expect(first.all("Route")).toEqual([`<sip:token-bob-1@${E1.at}${lr};lr;ob>`]);
    expect(first.header("Max-Breadth")).toBe("1");
    await E2.nothing();
    await E1.reply("430 Flow Failed");
    const second = await E2.request("INVITE");
    expect(second.all("Route")).toEqual([`<sip:token-bob-2@${E2.at}${lr};lr;ob>`]);
    expect(second.header("Max-Breadth")).toBe("1");
    expect(second.header("Via")).not.toBe(first.header("Via"));
    const ack = await E1.request("ACK");
    expect(ack.header("Via")).toBe(first.header("Via"));
    expect(ack.all("Route")).toEqual(first.all("Route"));
    await E2.reply("200 OK", "Contact: <sip:bob@192.0.2.7:5062>");
    expect((await A.response(200)).all("Via")).toHaveLength(1);
    // The failed flow is forgotten: the next call starts with the other one.
    await A.say(`${INVITE}\nCall-ID: two@${A.scene}`);
    await E2.request("INVITE");
    await E2.reply("486 Busy Here");
    await A.response(486);
    await E1.nothing();
  });

  test(`OB-7-6 an edge that is down counts as a failed flow, ${transport}`, async () => {
    const { A, E1, E2 } = await twoFlows(transport, NEVER_LATER);
    await E1.close();
    E1.leave();
    await A.say(INVITE);
    await E2.request("INVITE");
    await E2.reply("200 OK", "Contact: <sip:bob@192.0.2.7:5062>");
    await A.response(200);
  });
}

for (const status of ["486 Busy Here", "503 Service Unavailable", "404 Not Found", "600 Busy Everywhere", "302 Moved Temporarily", "513 Message Too Large"]) {
  test(`OB-7-4 PX-16.7-7 no other flow is tried after ${status}`, async () => {
    const { A, E1, E2 } = await twoFlows();
    await A.say(INVITE);
    await E1.request("INVITE");
    await E1.reply(status);
    const code = Number(status.slice(0, 3));
    await A.response(code === 503 ? 500 : code);
    await E2.nothing();
  });
}

test("OB-7-4 OB-13-1 513 moves the call to the other flow where SLUICE_FAILOVER_STATUS says so, and the binding stays", async () => {
  const { A, E1, E2 } = await twoFlows("udp", { ...NEVER_LATER, SLUICE_FAILOVER_STATUS: "408,430,513" });
  for (const call of ["one", "two"]) {
    await A.say(`${INVITE}\nCall-ID: ${call}@${A.scene}`);
    await E1.request("INVITE");
    await E1.reply("513 Message Too Large");
    await E1.request("ACK");
    await E2.request("INVITE");
    await E2.reply("486 Busy Here");
    await E2.request("ACK");
    await A.response(486);
  }
});

test("OB-7-5 OB-7-8 408 moves on, but the binding stays", async () => {
  const { A, E1, E2 } = await twoFlows();
  await A.say(`${INVITE}\nCall-ID: one@${A.scene}`);
  await E1.request("INVITE");
  await E1.reply("180 Ringing");
  await A.response(180);
  await E1.reply("408 Request Timeout");
  await E2.request("INVITE");
  await E2.reply("408 Request Timeout");
  await A.response(408);
  await E1.request("ACK");
  await A.say(`${INVITE}\nCall-ID: two@${A.scene}`);
  await E1.request("INVITE");
});

test("OB-7-5 DNS-5 a silent edge is abandoned for the next flow, and if it answers later it is cancelled", async () => {
  const { A, E1, E2 } = await twoFlows("udp", { SLUICE_FAILOVER_MS: "300" });
  await A.say(INVITE);
  await E1.request("INVITE");
  const invite = E1.last;
  await E2.request("INVITE");
  await E1.reply("180 Ringing", "", invite);
  expect((await E1.request("CANCEL")).header("Via")).toBe(invite.message.header("Via"));
  await E1.reply("200 OK");
  await E1.reply("487 Request Terminated", "", invite);
  await E1.request("ACK");
  await E2.reply("200 OK", "Contact: <sip:bob@192.0.2.7:5062>");
  await A.response(200);
});

for (const first of ["numbers", "objects"] as const) {
  test(`OB-7-5 DNS-5 a flow that stayed silent comes last for the next request, which takes the other path: ${first} first`, async () => {
    const { A, E1, E2 } = await twoFlows("udp", { SLUICE_FAILOVER_MS: "2000", SLUICE_DOMAINS: "example.com" });
    // What a datagram holds after a head without Content-Length is left to objects.
    const send = (path: string, rest: string): Promise<void> =>
      A.exactly(`MESSAGE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP ${A.at};branch=z9hG4bK-${path}-${first};rport\nMax-Forwards: 70\nFrom: <sip:a@elsewhere.example>;tag=1\nTo: <sip:bob@example.com>\nCall-ID: ${path}-${first}\nCSeq: 1 MESSAGE\n${rest}`);
    // What comes to E1, apart from copies of what it has got.
    const atE1 = async (): Promise<readonly string[]> => {
      await E1.settle();
      const ids = new Set<string>();
      for (let one = await E1.next(0).catch(() => undefined); one !== undefined; one = await E1.next(0).catch(() => undefined)) ids.add(one.header("Call-ID").split("-")[0] ?? "");
      return [...ids];
    };
    const sends = [(): Promise<void> => send("numbers", "Content-Length: 0\n\n"), (): Promise<void> => send("objects", "\nhello")];
    if (first === "objects") sends.reverse();
    for (const say of sends) {
      await say();
      await E2.request("MESSAGE");
      await E2.reply("200 OK");
      await A.response(200);
    }
    // The second one has not been there before.
    expect(await atE1()).toEqual([first]);
  });
}

test("OB-7-9 when every flow has failed the caller gets 480, and the bindings are gone", async () => {
  const { A, E1, E2 } = await twoFlows();
  await A.say(`${INVITE}\nCall-ID: one@${A.scene}`);
  await E1.request("INVITE");
  await E1.reply("430 Flow Failed");
  await E2.request("INVITE");
  await E2.reply("430 Flow Failed");
  const answer = await A.response(480);
  expect(answer.header("To")).toContain(";tag=");
  await E1.request("ACK");
  await E2.request("ACK");
  await A.say(`ACK sip:bob@example.com SIP/2.0\nVia: ${answer.header("Via").split(";rport")[0]}\nCall-ID: one@${A.scene}\nTo: ${answer.header("To")}`);
  await A.say(`${INVITE}\nCall-ID: two@${A.scene}`);
  await A.response(480);
  await E1.nothing();
});

test("OB-7-24 MESSAGE fails over like a call, with one response", async () => {
  const { A, E1, E2 } = await twoFlows();
  await A.say("MESSAGE sip:bob@example.com SIP/2.0\n\nhello");
  expect((await E1.request("MESSAGE")).body).toBe("hello");
  await E1.reply("430 Flow Failed");
  expect((await E2.request("MESSAGE")).body).toBe("hello");
  await E2.reply("200 OK");
  await A.response(200);
  await A.nothing();
});

test("OB-7-19 PX-16.10-1 CAN-2 CAN-8 CANCEL ends the search: the current flow is cancelled, the next one never tried", async () => {
  const { A, E1, E2 } = await twoFlows();
  const invite = await A.say(INVITE);
  const sent = await E1.request("INVITE");
  const asked = E1.last;
  await E1.reply("180 Ringing");
  await A.response(180);
  await A.say(`CANCEL sip:bob@example.com SIP/2.0\nVia: ${invite.header("Via")}\nReason: SIP;cause=600;text="gone"`);
  expect((await A.response(200)).header("CSeq")).toBe("1 CANCEL");
  const cancel = await E1.request("CANCEL");
  expect(cancel.all("Via")).toEqual([sent.header("Via")]);
  expect(cancel.uri).toBe(sent.uri);
  expect(cancel.all("Route")).toEqual(sent.all("Route"));
  expect(cancel.header("CSeq")).toBe("1 CANCEL");
  expect(cancel.header("Reason")).toBe('SIP;cause=600;text="gone"');
  await E1.reply("200 OK");
  await E1.reply("430 Flow Failed", "", asked);
  await A.response(487);
  await E2.nothing();
});

test("OB-7-21 a flow registered in the meantime is tried before giving up", async () => {
  const home = await Home.shared(EDGES);
  const E1 = await home.edge("E1", "127.0.0.2");
  const E2 = await home.edge("E2", "127.0.0.3");
  const A = await home.phone("A");
  await home.registerBehind(E1, "bob", { instance: instanceOf("bob"), regId: 1 });
  await A.say(INVITE);
  await E1.request("INVITE");
  const asked = E1.last;
  await home.registerBehind(E2, "bob", { instance: instanceOf("bob"), regId: 2 });
  await E1.reply("430 Flow Failed", "", asked);
  await E2.request("INVITE");
});

test("OB-7-17 the most recently registered flow is tried first", async () => {
  const { home, A, E1, E2 } = await twoFlows();
  await home.registerBehind(E2, "bob", { instance: instanceOf("bob"), regId: 2 });
  await A.say(INVITE);
  await E2.request("INVITE");
  await E1.nothing();
});
