/** Requests that are legal and rare, through the registrar and the home proxy. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { requestOf } from "../../support/hostile-shapes.js";
import { ObjectStage } from "../../support/object-stage.js";
import { SipMessage } from "../../../src/sip/message.js";

const BOB = { From: "<sip:bob@example.org>;tag=b", To: "<sip:bob@example.org>" };
/** Every part is written in an unusual way; a second branch is hidden in a quoted string. */
const RARE_VIA = 'SIP / 2.0 / TCP\t192.0.2.1 : 5060 ; x=";branch=z9hG4bKother;rport" ;\r\n ttl=1; BRANCH = z9hG4bKrare ;alias;y=[::1]';

let stage: ObjectStage;
beforeEach(async () => void (stage = await ObjectStage.open(false)));
afterEach(() => stage.close());

const finals = (): readonly number[] => stage.answers.map(({ status }) => status).filter((status) => status > 100);

async function final(): Promise<number | undefined> {
  await expect.poll(finals).not.toEqual([]);
  return stage.answers.splice(0).find(({ status }) => status > 100)?.status;
}

async function registerBob(lines?: string): Promise<void> {
  const more = lines === undefined ? {} : { more: lines };
  expect(stage.take(requestOf("REGISTER", { ...BOB, Contact: "<sip:bob@192.0.2.2>", ...more }), lines === undefined ? "bob" : "edge")).toBe(true);
  expect(await final()).toBe(200);
}

/** A hop-by-hop request that belongs to the INVITE, with the same Via and Call-ID. */
function hopByHop(invite: Buffer, method: string): Buffer {
  return Buffer.from(invite.toString("latin1").replace(/INVITE/g, method), "latin1");
}

test("TX-9 CANCEL finds its INVITE by an oddly written Via, and its copy has the Via of the INVITE's copy", async () => {
  await registerBob();
  const invite = requestOf("INVITE", { Via: RARE_VIA });
  expect(stage.take(invite)).toBe(true);
  await expect.poll(() => stage.copies.length).toBe(1);
  const [copy] = stage.copies.splice(0);
  const ringing = `SIP/2.0 199 \r\nVia: ${copy?.topVia ?? ""}\r\n${(copy?.fields ?? []).slice(1).filter(({ key }) => ["via", "from", "call-id", "cseq", "to"].includes(key)).map(({ raw }) => raw).join("\r\n")}\r\nContent-Length: 0\r\n\r\n`;
  expect(stage.take(Buffer.from(ringing, "latin1"), "bob")).toBe(true);
  // RFC 3261 16.7 step 5: an unknown provisional response is forwarded like any other.
  expect(finals()).toEqual([199]);
  expect(new SipMessage(stage.answers.at(-1)?.octets ?? Buffer.alloc(0)).topVia).toContain("BRANCH = z9hG4bKrare");
  stage.answers.splice(0);
  expect(stage.take(hopByHop(invite, "CANCEL"))).toBe(true);
  expect(finals()).toContain(200);
  await expect.poll(() => stage.copies.map(({ method }) => method)).toEqual(["CANCEL"]);
  expect(stage.copies[0]?.topVia).toBe(copy?.topVia);
});

test("TX-6 what has the branch of an INVITE is its repetition, even if its sender has broken the Contact", async () => {
  await registerBob();
  const invite = requestOf("INVITE", { Via: RARE_VIA });
  expect(stage.take(invite)).toBe(true);
  await expect.poll(() => stage.copies.length).toBe(1);
  stage.answers.splice(0);
  expect(stage.take(Buffer.from(invite.toString("latin1").replace("Content-Length", "Contact: nonsense\r\nContent-Length"), "latin1"))).toBe(true);
  expect(stage.answers.map(({ status }) => status)).toEqual([100]);
  expect(stage.copies.length).toBe(1);
});

test("the ACK of a failure ends here, however its Via is written", async () => {
  const invite = requestOf("INVITE", { uri: "sip:nobody@example.org", Via: RARE_VIA });
  expect(stage.take(invite)).toBe(true);
  expect(await final()).toBeGreaterThanOrEqual(400);
  await registerBob();
  expect(stage.take(Buffer.from(hopByHop(invite, "ACK").toString("latin1").replace("sip:nobody@", "sip:bob@"), "latin1"))).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(stage.copies).toEqual([]);
});

test("a URI in a quoted string after the Path misleads nobody", async () => {
  await registerBob('Supported: path\r\nPath: <sip:t@192.0.2.77;lr>;x="<sip:evil@192.0.2.66;lr>"');
  stage.take(requestOf("MESSAGE"));
  await expect.poll(() => stage.places).toEqual(["192.0.2.77"]);
});

test("a parameter in the user part does not make a loose router", async () => {
  await registerBob("Supported: path\r\nPath: <sip:t;lr@192.0.2.77>");
  stage.take(requestOf("MESSAGE"));
  await expect.poll(() => stage.copies.length).toBe(1);
  // RFC 3261 16.6 step 6: a strict router finds itself in the Request-URI, and the target last in Route.
  expect(stage.copies[0]?.uri).toBe("sip:t;lr@192.0.2.77");
  expect(stage.copies[0]?.values("Route")).toEqual(["<sip:bob@192.0.2.2>"]);
});

test("PX-16.4-1 after a strict router, the last Route is the Request-URI again", async () => {
  await registerBob();
  const route = "Route: <sip:p.example.net;lr>\r\nRoute: <sip:bob@example.org>";
  expect(stage.take(requestOf("MESSAGE", { uri: "sip:token@127.0.0.1;lr", more: route }), "alice", true)).toBe(true);
  await expect.poll(() => stage.copies.length).toBe(1);
  expect(stage.copies[0]?.uri).toBe("sip:bob@192.0.2.2");
  expect(stage.copies[0]?.values("Route")).toEqual(["<sip:p.example.net;lr>"]);
});

test.each(["Expires: 60\r\nExpires: 0", "Max-Breadth: 1\r\nMax-Breadth: 60", "Event: a\r\no: b"])("GR-43 %j is a duplicate: 400", async (more) => {
  expect(stage.take(requestOf("SUBSCRIBE", { more }))).toBe(true);
  expect(await final()).toBe(400);
});

test.each(["sip:bob@EXAMPLE.org", "sip:bob@example.org.", "sip:%62ob@example.org", "SIP:bob@example.org;x"])("%s is bob's address", async (uri) => {
  await registerBob();
  stage.take(requestOf("MESSAGE", { uri }));
  await expect.poll(() => stage.copies.length).toBe(1);
});

test.each(["sip:bob@%65xample.org", "sip:bob@example..org", "sip:bob@.example.org", "sip:bob@exam ple.org"])("%s is refused by the scanner", (uri) => {
  expect(stage.take(requestOf("MESSAGE", { uri }))).toBe(false);
});

test("SA-14 if making a copy of a request fails, its caller gets 500 and nothing else is affected", async () => {
  await registerBob();
  stage.failsToCopy = true;
  expect(stage.take(requestOf("INVITE", {}))).toBe(true);
  expect(await final()).toBe(500);
  expect(stage.faults).toHaveLength(1);
  stage.failsToCopy = false;
  expect(stage.take(requestOf("INVITE", { Via: "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKanother" }))).toBe(true);
  await expect.poll(() => stage.copies.length).toBe(1);
});
