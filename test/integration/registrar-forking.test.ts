/** Several devices of one address: in parallel or by q, and the responses (RFC 3261 16.6, 16.7; RFC 5626 7; RFC 5393 5). */
import { expect, test } from "vitest";
import { Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import { responseTo } from "../support/sip-text.js";

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";

interface Stage {
  readonly home: Home;
  readonly A: Party;
  readonly phones: readonly Party[];
}

/** Bob has a phone for each q. */
async function phonesOf(qs: readonly number[], settings: Record<string, string> = {}): Promise<Stage> {
  const home = await Home.shared(settings);
  const phones: Party[] = [];
  for (const [at, q] of qs.entries()) {
    const phone = await home.phone(`P${at + 1}`, at % 2 === 0 ? "udp" : "tcp");
    await home.register(phone, { user: "bob", instance: instanceOf(phone.name), q });
    phones.push(phone);
  }
  return { home, phones, A: await home.phone("A") };
}

function two(phones: readonly Party[]): readonly [Party, Party] {
  const [one, other] = phones;
  if (!one || !other) throw new Error("two phones are needed");
  return [one, other];
}

test("OB-7-2 PX-16.1-1 PX-16.7-2 PX-16.7-3 PX-16.7-11 CAN-8 all ring, the first to answer gets the call, the others get a CANCEL", async () => {
  const { A, phones } = await phonesOf([1, 1]);
  const [P1, P2] = two(phones);
  await A.say(INVITE);
  await P1.request("INVITE");
  await P2.request("INVITE");
  const atP2 = P2.last;
  await P1.reply("180 Ringing");
  await P2.reply("183 Session Progress");
  const provisional = [(await A.next()).status, (await A.next()).status].sort();
  expect(provisional).toEqual([180, 183]);
  await P1.reply("200 OK", `Contact: <sip:P1@${P1.at}>`);
  await A.response(200);
  const cancel = await P2.request("CANCEL");
  expect(cancel.header("Reason")).toContain("Call completed elsewhere");
  await P2.reply("200 OK");
  // The other one has just answered too: the caller sees both.
  await P2.reply("200 OK", `Contact: <sip:P2@${P2.at}>`, atP2);
  expect((await A.response(200)).header("To")).toContain("tag=P2");
});

test("OB-7-18 by q: the next group rings when the first one has failed", async () => {
  const { A, phones } = await phonesOf([1, 0.5]);
  const [P1, P2] = two(phones);
  await A.say(INVITE);
  await P1.request("INVITE");
  await P2.nothing();
  await P1.reply("486 Busy Here");
  await P2.request("INVITE");
  await P1.request("ACK");
  await P2.reply("480 Temporarily Unavailable");
  await A.response(486);
});

test("PX-16.7-4 6xx ends the search: others are cancelled, no further group is tried", async () => {
  const { A, phones } = await phonesOf([1, 1, 0.5]);
  const [P1, P2] = two(phones);
  await A.say(INVITE);
  await P1.request("INVITE");
  await P2.request("INVITE");
  const atP2 = P2.last;
  await P2.reply("180 Ringing");
  await A.response(180);
  await P1.reply("603 Decline");
  await P2.request("CANCEL");
  await P2.reply("200 OK");
  await A.nothing();
  await P2.reply("487 Request Terminated", "", atP2);
  await A.response(603);
  await phones[2]?.nothing();
});

for (const [one, other, best] of [
  [486, 404, [486, 404]],
  [500, 486, [486]],
  [302, 486, [302]],
  [401, 486, [401]],
  [480, 600, [600]],
  [503, 486, [486]],
  [408, 486, [486]],
] as const) {
  test(`PX-16.7-5 the better one of ${one} and ${other} is forwarded`, async () => {
    const { A, phones } = await phonesOf([1, 1]);
    const [P1, P2] = two(phones);
    await A.say(INVITE);
    await P1.request("INVITE");
    await P2.request("INVITE");
    await P1.reply(`${one} Answer`);
    await P1.request("ACK");
    await P2.reply(`${other} Answer`);
    expect(best).toContain((await A.next()).status);
    await A.nothing();
  });
}

test("PX-16.7-1 a response without the caller's Via still ends the call for the caller, with its status", async () => {
  const { A, phones } = await phonesOf([1]);
  const [P1] = phones;
  await A.say(INVITE);
  const invite = await P1?.request("INVITE");
  const [ours] = invite?.all("Via") ?? [];
  const lines = ["From", "To", "Call-ID", "CSeq"].map((name) => `${name}: ${invite?.header(name)}`);
  await P1?.exactly(["SIP/2.0 486 Busy Here", `Via: ${ours}`, ...lines, "Content-Length: 0"].join("\n"));
  expect((await A.response(486)).all("Via")).toHaveLength(1);
});

test("PX-16.7-8 AU-16 the response contains the challenges of all branches", async () => {
  const { A, phones } = await phonesOf([1, 1]);
  const [P1, P2] = two(phones);
  await A.say(INVITE);
  await P1.request("INVITE");
  await P2.request("INVITE");
  await P1.reply("401 Unauthorized", 'WWW-Authenticate: Digest realm="one", nonce="1"');
  await P1.request("ACK");
  await P2.reply("407 Proxy Authentication Required", 'Proxy-Authenticate: Digest realm="two", nonce="2"');
  const answer = await A.next();
  expect([401, 407]).toContain(answer.status);
  expect(answer.all("WWW-Authenticate")).toEqual(['Digest realm="one", nonce="1"']);
  expect(answer.all("Proxy-Authenticate")).toEqual(['Digest realm="two", nonce="2"']);
});

test("LD-5-3 LD-5-2 Max-Breadth 2 with three devices: two ring, the third when one of them has finished", async () => {
  const { A, phones } = await phonesOf([1, 1, 1]);
  await A.say(`${INVITE}\nMax-Breadth: 2`);
  // Whoever is to ring has been told.
  await A.atOnce(100);
  const rung: Party[] = [];
  for (const phone of phones) {
    const invite = await phone.request("INVITE", 0).catch(() => undefined);
    if (!invite) continue;
    expect(invite.all("Max-Breadth")).toEqual(["1"]);
    rung.push(phone);
  }
  expect(rung).toHaveLength(2);
  await rung[0]?.reply("486 Busy Here");
  const third = phones.find((phone) => !rung.includes(phone));
  expect((await third?.request("INVITE"))?.header("Max-Breadth")).toBe("1");
});

test("LD-5-4 LD-5-1 Max-Breadth 0 leaves nothing to fork with: 440; none becomes 60", async () => {
  const { A, phones } = await phonesOf([1]);
  await A.say(`${INVITE}\nMax-Breadth: 0\nCall-ID: zero@${A.scene}`);
  await A.response(440);
  await A.say(`${INVITE}\nCall-ID: none@${A.scene}`);
  expect((await phones[0]?.request("INVITE"))?.header("Max-Breadth")).toBe("60");
});

test("OB-7-20 a 2xx from one device ends the search for a flow of another", async () => {
  const { home, A, phones } = await phonesOf([1, 1]);
  const [P1, P2] = two(phones);
  const spare = await home.phone("spare");
  await home.register(spare, { user: "bob", instance: instanceOf("P2"), regId: 2 });
  await home.register(P2, { user: "bob", instance: instanceOf("P2"), regId: 1 });
  await A.say(INVITE);
  await P1.request("INVITE");
  await P2.request("INVITE");
  const atP2 = P2.last;
  await P1.reply("200 OK", `Contact: <sip:P1@${P1.at}>`);
  await A.response(200);
  await P2.reply("430 Flow Failed", "", atP2);
  await spare.nothing();
});

test("OB-6-14 a device with outbound and one without ring together", async () => {
  const { home, A, phones } = await phonesOf([1]);
  const plain = await home.phone("plain", "tcp");
  await home.register(plain, { user: "bob" });
  await A.say(INVITE);
  await phones[0]?.request("INVITE");
  await plain.request("INVITE");
});

test("TX-10 IT-5 OB-7-12 a response from a flow other than the one asked is dropped", async () => {
  const { A, phones } = await phonesOf([1, 1]);
  const [P1, P2] = two(phones);
  await A.say(INVITE);
  const invite = await P1.request("INVITE");
  await P2.request("INVITE");
  await P2.send(responseTo(invite, "200 OK", "forger", `Contact: <sip:P2@${P2.at}>`));
  await A.nothing();
  await P1.reply("200 OK", `Contact: <sip:P1@${P1.at}>`);
  expect((await A.response(200)).header("To")).toContain("tag=P1");
});
