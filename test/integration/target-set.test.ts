/** Whom a request is for, and what each copy looks like (RFC 3261 16.5 and 16.6, RFC 3327 5.4, RFC 5627 6). */
import { expect, test } from "vitest";
import { Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";
const EDGES = { SLUICE_EDGES: "127.0.0.2,127.0.0.3" };

async function twoEdges(): Promise<{ readonly home: Home; readonly E1: Party; readonly E2: Party }> {
  const home = await Home.shared(EDGES);
  return { home, E1: await home.edge("E1", "127.0.0.2"), E2: await home.edge("E2", "127.0.0.3", "tcp") };
}

test("PX-16.5-3 escapes, parameters and the case of the host do not change the user", async () => {
  const home = await Home.shared();
  const bob = await home.phone("bob");
  await home.register(bob);
  const A = await home.phone("A");
  await A.say("MESSAGE sip:%62o%62@EXAMPLE.com;x=1 SIP/2.0");
  await bob.request("MESSAGE");
  await bob.reply("200 OK");
  await A.response(200);
});

test("PX-16.5-4 PX-16.6-2 a Contact registered twice in different spellings rings once, and its URI contains nothing that a Request-URI must not", async () => {
  const home = await Home.shared();
  const bob = await home.phone("bob");
  for (const host of ["Phone.example.net", "phone.EXAMPLE.net"]) await home.register(bob, { contact: `sip:bob@${host};method=INVITE?Subject=x` });
  const A = await home.phone("A");
  await A.say("MESSAGE sip:bob@example.com SIP/2.0");
  expect((await bob.request("MESSAGE")).uri).toMatch(/^sip:bob@phone\.example\.net$/i);
  await bob.reply("200 OK");
  await A.response(200);
  await bob.nothing();
});

test("PATH-5.4-3 SA-2 each copy has the Path of its own binding; a phone connected here has none", async () => {
  const { home, E1, E2 } = await twoEdges();
  const direct = await home.phone("direct", "tcp");
  await home.registerBehind(E1, "bob", { instance: instanceOf("one") });
  await home.registerBehind(E2, "bob", { instance: instanceOf("two") });
  await home.register(direct, { user: "bob", instance: instanceOf("three") });
  const A = await home.phone("A");
  await A.say("MESSAGE sip:bob@example.com SIP/2.0");
  const copies = [await E1.request("MESSAGE"), await E2.request("MESSAGE"), await direct.request("MESSAGE")];
  expect(copies.map((copy) => copy.all("Route").join(", "))).toEqual([`<sip:token-bob-1@${E1.at};lr;ob>`, `<sip:token-bob-1@${E2.at};transport=tcp;lr;ob>`, ""]);
  await direct.reply("200 OK");
  await A.response(200);
});

test("SA-4 OB-6-23 a phone connected here gets no Path in the response", async () => {
  const home = await Home.shared();
  const bob = await home.phone("bob", "tcp");
  const answer = await home.register(bob, { instance: instanceOf("bob") });
  expect(answer.header("Require")).toBe("outbound");
  expect(answer.all("Path")).toEqual([]);
});

test("PATH-6-1 a request whose Path leads back here is refused when it returns, and does not loop", async () => {
  const { home, E1 } = await twoEdges();
  await home.registerBehind(E1, "bob", { path: `<sip:${home.at};lr>`, contact: "sip:bob@example.com:5999" });
  const A = await home.phone("A");
  await A.say(INVITE);
  // It comes back from an address that is not an edge's, by a way that no client may use.
  await A.response(403);
  await A.nothing();
});

test("OB-7-16 a phone without outbound is called over the connection on which it registered", async () => {
  const home = await Home.shared();
  const bob = await home.phone("bob", "tcp");
  await home.register(bob, { contact: "sip:bob@192.0.2.99:5060;transport=tcp" });
  const A = await home.phone("A");
  await A.say(INVITE);
  await bob.request("INVITE");
  await bob.reply("486 Busy Here");
  await A.response(486);
});

test("OB-7-25 OB-7-10 a request with a Route to another edge goes there, whatever the Request-URI, and its 430 comes back unchanged", async () => {
  const { home, E1, E2 } = await twoEdges();
  await home.registerBehind(E1, "bob", { instance: instanceOf("bob") });
  const route = `<sip:${home.at};lr>, <sip:token@${E2.at};transport=tcp;lr>`;
  await E1.say(`BYE sip:bob@example.com SIP/2.0\nRoute: ${route}\nTo: <sip:bob@example.com>;tag=bob`);
  const bye = await E2.request("BYE");
  expect(bye.uri).toBe("sip:bob@example.com");
  await E2.reply("430 Flow Failed");
  await E1.response(430);
  await E1.nothing();
});

test("GRUU-6-2 a request within a dialog finds its phone by the GRUU alone", async () => {
  const home = await Home.shared();
  const [one, other] = [await home.phone("one"), await home.phone("other")];
  await other.say(`${home.registerOf(other, { user: "bob", instance: instanceOf("other") })}`);
  await other.response(200);
  await one.say(home.registerOf(one, { user: "bob", instance: instanceOf("one") }).replace("Supported: path, outbound", "Supported: path, outbound, gruu"));
  const contact = (await one.response(200)).all("Contact").find((value) => value.includes(instanceOf("one"))) ?? "";
  const gruu = /;pub-gruu="([^"]+)"/.exec(contact)?.[1] ?? "";
  expect(gruu).toContain(";gr=");
  const A = await home.phone("A");
  await A.say(`BYE ${gruu} SIP/2.0\nTo: <sip:bob@example.com>;tag=bob`);
  await one.request("BYE");
  await one.reply("200 OK");
  await A.response(200);
  await other.nothing();
});

test("REG-25 an OPTIONS to the server itself says what it supports", async () => {
  const home = await Home.shared();
  const A = await home.phone("A");
  await A.say(`OPTIONS sip:${home.at} SIP/2.0`);
  const answer = await A.response(200);
  expect(answer.all("Supported").join()).toMatch(/path.*outbound/);
  expect(answer.all("Allow").join()).toContain("REGISTER");
});

test("NI-3 over a connection an INVITE gets 100 at once", async () => {
  const home = await Home.shared();
  const bob = await home.phone("bob");
  await home.register(bob);
  const A = await home.phone("A", "tcp");
  await A.say(INVITE);
  await A.response(100);
  await bob.request("INVITE");
});
