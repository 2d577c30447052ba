/**
 * A phone that registers without outbound and is not behind a NAT is called at its Contact (RFC 3261 10.2, 16.5), and remains a client on
 * its own host, whoever opened the connection.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { CoreTcp } from "../support/core-tcp.js";
import { Home } from "../support/home.js";
import type { Party } from "../support/party.js";

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";
/** Not the server's own address, which is never dialled. */
const PHONE = "127.0.0.2";

/** A phone that listens over TCP and connects from another port; its connection ends after it has registered. */
async function registeredOnce(home: Home, contact?: (at: string) => string): Promise<Party> {
  const bob = await home.edge("bob", PHONE, "tcp");
  await home.register(bob, { contact: contact?.(bob.at) ?? `sip:bob@${bob.at};transport=tcp` });
  await hangUp(bob);
  return bob;
}

async function hangUp({ wire }: Party): Promise<void> {
  if (wire instanceof CoreTcp) await wire.hangUp();
  await sleep(100);
}

/** Headers of further requests of the caller, or of the callee. */
function inside(message: { all(name: string): readonly string[]; header(name: string): string }, isCaller: boolean): string {
  const routes = isCaller ? [...message.all("Record-Route")].reverse() : message.all("Record-Route");
  const [from, to] = isCaller ? ["From", "To"] : ["To", "From"];
  return `${routes.map((value) => `Route: ${value}`).join("\n")}\nFrom: ${message.header(from)}\nTo: ${message.header(to)}\nCall-ID: ${message.header("Call-ID")}`;
}

for (const [name, shards] of [["one shard", "1"], ["three shards", "3"]] as const) {
  test(`OB-7-15 a plain binding over TCP outlives its connection: its Contact is dialled, and either side can hang up, ${name}`, async () => {
    const home = await Home.shared({ SLUICE_SHARDS: shards });
    const bob = await registeredOnce(home);
    const A = await home.phone("A");
    for (const hangsUp of ["A", "bob"]) {
      await A.say(INVITE);
      const invite = await bob.request("INVITE");
      expect(invite.startLine).toBe(`INVITE sip:bob@${bob.at};transport=tcp SIP/2.0`);
      const answered = await bob.reply("200 OK", `Contact: <sip:bob@${bob.at};transport=tcp>`);
      const ok = await A.response(200);
      await A.say(`ACK sip:bob@${bob.at};transport=tcp SIP/2.0\n${inside(ok, true)}`);
      await bob.request("ACK");
      const [one, other] = hangsUp === "A" ? [A, bob] : [bob, A];
      const way = hangsUp === "A" ? inside(ok, true) : inside(answered, false);
      await one.say(`BYE sip:${other.name}@${other.at} SIP/2.0\nCSeq: 2 BYE\n${way}`);
      await other.request("BYE");
      await other.reply("200 OK");
      await one.response(200);
    }
  });
}

test("a dialled phone is a client: it may neither plant a Path nor send for others", async () => {
  const home = await Home.shared({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.4" });
  const edge = await home.edge("edge", "127.0.0.4");
  const phone = await home.edge("bob", PHONE, "tcp");
  // If the edge adds no Path, the Contact is the only way.
  const [first = "", ...rest] = home.registerOf(edge, { user: "bob", contact: `sip:bob@${phone.at};transport=tcp` }).split("\n");
  await edge.say([first, `Via: SIP/2.0/UDP ${edge.at};branch=z9hG4bK-edge`, `Via: SIP/2.0/TCP ${phone.at};branch=z9hG4bK-phone;received=${PHONE}`, ...rest].join("\n"));
  await edge.response(200);
  await edge.say(INVITE);
  await phone.request("INVITE");
  const dialled = phone.last;
  await phone.reply("486 Busy Here");
  await phone.request("ACK");
  await edge.response(486);
  const over = async (text: string): Promise<string> => {
    await dialled.answer(text.replaceAll("\n", "\r\n"));
    return (await phone.next()).startLine;
  };
  const head = (method: string, uri: string, from: string): string =>
    `${method} ${uri} SIP/2.0\nVia: SIP/2.0/TCP ${phone.at};branch=z9hG4bK-${method}\nMax-Forwards: 70\nFrom: <${from}>;tag=1\nTo: <${from}>\nCall-ID: ${method}@${home.scene}\nCSeq: 1 ${method}\nContent-Length: 0\n`;
  expect(await over(`${head("REGISTER", "sip:example.com", "sip:eve@example.com")}Path: <sip:x@${phone.at};lr>\nSupported: path\nContact: <sip:eve@192.0.2.1>\n\n`)).toContain("403");
  expect(await over(`${head("MESSAGE", "sip:somebody@elsewhere.example", "sip:anybody@other.example")}\n`)).toContain("403");
});

test.each([
  ["another host", () => "sip:bob@127.0.0.3:PORT;transport=tcp"],
  ["this host", () => "sip:bob@127.0.0.1:PORT;transport=tcp"],
  ["another host by maddr", (at: string) => `sip:bob@${at};transport=tcp;maddr=127.0.0.3`],
  ["another transport", (at: string) => `sip:bob@${at}`],
])("a Contact that names %s is never dialled: its binding ends with its connection", async (_, contactOf) => {
  const home = await Home.shared({});
  const bystander = await home.edge("bystander", "127.0.0.3", "tcp");
  const port = bystander.at.split(":")[1] ?? "";
  const bob = await registeredOnce(home, (at) => contactOf(at).replace("PORT", port));
  const A = await home.phone("A");
  await A.say(INVITE);
  await A.response(480);
  await bystander.nothing();
  await bob.nothing();
});

test("a phone that cannot be dialled is unavailable, but stays registered", async () => {
  const home = await Home.shared({});
  const bob = await registeredOnce(home);
  await bob.close();
  const A = await home.phone("A");
  await A.say(INVITE);
  await A.response(480);
  const [contact = ""] = await home.contactsOf(A, "bob");
  expect(contact).toContain(bob.at);
});

/** A UDP phone that sends from one port and listens on another. */
async function twoPorts(home: Home): Promise<{ readonly sends: Party; readonly listens: Party }> {
  const [sends, listens] = [await home.edge("bob", PHONE), await home.edge("bob", PHONE)];
  return { sends, listens };
}

test("a plain phone over UDP is called at its Contact, not where its REGISTER came from (RFC 3261 16.5)", async () => {
  const home = await Home.shared({});
  const { sends, listens } = await twoPorts(home);
  await sends.say(`${home.registerOf(sends, { contact: `sip:bob@${listens.at}` })}\nVia: SIP/2.0/UDP ${listens.at};branch=z9hG4bK-contact`);
  await listens.response(200);
  const A = await home.phone("A");
  await A.say(INVITE);
  await listens.request("INVITE");
  await listens.reply("200 OK", `Contact: <sip:bob@${listens.at}>`);
  const ok = await A.response(200);
  await A.say(`ACK sip:bob@${listens.at} SIP/2.0\n${inside(ok, true)}`);
  await listens.request("ACK");
  // It hangs up from the other port.
  await sends.say(`BYE sip:A@192.0.2.1 SIP/2.0\nCSeq: 2 BYE\n${inside(ok, false)}`);
  await A.request("BYE");
  await A.reply("200 OK");
  await sends.response(200);
});

test.each([
  ["its Via names another port than we see", (at: string) => `Via: SIP/2.0/UDP ${at};rport;branch=z9hG4bK-port`],
  ["its Via names another host than we see", () => "Via: SIP/2.0/UDP 192.168.1.9:5060;rport;branch=z9hG4bK-host"],
])("a plain phone over UDP behind a NAT is called where its REGISTER came from: %s", async (_, viaOf) => {
  const home = await Home.shared({});
  const { sends, listens } = await twoPorts(home);
  await sends.say(`${home.registerOf(sends, { contact: `sip:bob@${listens.at}` })}\n${viaOf(listens.at)}`);
  await sends.response(200);
  const A = await home.phone("A");
  await A.say(INVITE);
  await sends.request("INVITE");
  await sends.reply("486 Busy Here");
  await sends.request("ACK");
  await A.response(486);
});
