/** SIPS through the registrar and the home proxy: over TLS all the way, or not at all (RFC 5630). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { requestOf } from "../../support/hostile-shapes.js";
import { ObjectStage } from "../../support/object-stage.js";
import type { SipMessage } from "../../../src/sip/message.js";

const BOB = { From: "<sip:bob@example.org>;tag=b", To: "<sip:bob@example.org>" };
let stage: ObjectStage;
beforeEach(async () => void (stage = await ObjectStage.open(false)));
afterEach(() => stage.close());

/** Waits for and takes the response since the last call, ignoring 100. */
async function answer(): Promise<SipMessage | undefined> {
  await expect.poll(() => stage.answers.some(({ status }) => status > 100)).toBe(true);
  return stage.answers.splice(0).find(({ status }) => status > 100);
}

async function register(sender: "bob" | "bob over TLS", uri: string, contact: string): Promise<number | undefined> {
  stage.take(requestOf("REGISTER", { ...BOB, uri, Contact: contact }), sender);
  return (await answer())?.status;
}

test("a SIPS Contact is accepted over TLS with a SIPS Request-URI, else 400 (RFC 5630 5.2)", async () => {
  expect(await register("bob", "sip:example.org", "<sips:bob@192.0.2.2>")).toBe(400);
  expect(await register("bob", "sips:example.org", "<sips:bob@192.0.2.2>")).toBe(400);
  expect(await register("bob over TLS", "sip:example.org", "<sips:bob@192.0.2.2>")).toBe(400);
  expect(await register("bob over TLS", "sips:example.org", "<sips:bob@192.0.2.2>")).toBe(200);
});

test("PX-16.6-10 a SIPS call does not go to a device that registered a SIP Contact: 480 with Warning 380 (RFC 5630 5.3)", async () => {
  expect(await register("bob over TLS", "sip:example.org", "<sip:bob@192.0.2.2;transport=tls>")).toBe(200);
  stage.take(requestOf("INVITE", { uri: "sips:bob@example.org" }), "alice over TLS");
  const refused = await answer();
  expect([refused?.status, refused?.header("Warning")]).toEqual([480, '380 sluice "SIPS Not Allowed"']);
  expect(stage.copies).toEqual([]);
});

test("PX-16.6-10 a call that arrives over an unencrypted hop is not a SIPS call (RFC 5630 5.3)", async () => {
  expect(await register("bob over TLS", "sips:example.org", "<sips:bob@192.0.2.2>")).toBe(200);
  stage.take(requestOf("INVITE", { uri: "sips:bob@example.org" }), "alice");
  expect((await answer())?.status).toBe(480);
  expect(stage.copies).toEqual([]);
});

test("PX-16.6-5 a SIPS call goes over TLS as SIPS, and so do later requests of its dialog", async () => {
  expect(await register("bob over TLS", "sips:example.org", "<sips:bob@192.0.2.2>")).toBe(200);
  stage.take(requestOf("INVITE", { uri: "sips:bob@example.org", Contact: "<sips:alice@192.0.2.1>" }), "alice over TLS");
  await expect.poll(() => stage.copies.length).toBe(1);
  const [copy] = stage.copies;
  expect(copy?.uri).toBe("sips:bob@192.0.2.2");
  expect(copy?.topVia).toContain("SIP/2.0/TLS ");
  const routes = copy?.values("Record-Route") ?? [];
  expect(routes).toHaveLength(4);
  for (const route of routes) expect(route).toMatch(/^<sips:[^;]+;lr>$/);
});

test("a SIP call reaches a device with a SIPS Contact as SIP, over its TLS flow (RFC 5630 5.3)", async () => {
  expect(await register("bob over TLS", "sips:example.org", "<sips:bob@192.0.2.2>")).toBe(200);
  stage.take(requestOf("MESSAGE"), "alice");
  await expect.poll(() => stage.copies.length).toBe(1);
  expect(stage.copies[0]?.uri).toBe("sip:bob@192.0.2.2");
});
