/** RFC 5627 5. */
import { afterEach, expect, test } from "vitest";
import { Gruus } from "../../../src/registrar/gruu.js";
import { type RegistrarStage, registrarStage } from "../../support/registrar-stage.js";

const INSTANCE = "urn:uuid:00000000-0000-1000-8000-aabbccddeeff";
const IDS = `+sip.instance="<${INSTANCE}>"`;

let stage: RegistrarStage;
afterEach(() => stage.close());

const gruusOf = (contact = ""): { readonly pub: string; readonly temp: string } => ({
  pub: /;pub-gruu="([^"]*)"/.exec(contact)?.[1] ?? "",
  temp: /;temp-gruu="([^"]*)"/.exec(contact)?.[1] ?? "",
});

const targets = async (uri: string): Promise<readonly string[] | undefined> => {
  const destination = stage.gruus.resolve(uri);
  return destination && destination.pick(await stage.store.lookup(destination.aor)).map(({ contactUri }) => contactUri);
};

const registerDevice = async (lines = "", callId = "one"): Promise<{ readonly pub: string; readonly temp: string }> => {
  const answer = await stage.register(`Supported: gruu, outbound\nCall-ID: ${callId}\nContact: <sip:a@192.0.2.1>;${IDS}${lines}`);
  return gruusOf(answer.all("Contact").find((value) => value.includes("gruu")));
};

test("GRUU-5.1-1 GRUU-5.2-1 GRUU-5.2-2 both GRUUs for a device that asks, and no option tag", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`Supported: gruu\nContact: <sip:a@192.0.2.1>;${IDS}, <sip:b@192.0.2.2>`);
  const [device = "", other = ""] = [...answer.all("Contact")].sort();
  expect(gruusOf(device).pub).toBe(`sip:bob@example.org;gr=${INSTANCE}`);
  expect(gruusOf(device).temp).toMatch(/^sip:tgruu\.[\w-]+@example\.org;gr$/);
  expect(other).toBe("<sip:b@192.0.2.2>;expires=3600");
  expect([...answer.all("Supported"), ...answer.all("Require")].join()).not.toContain("gruu");
});

test("GRUU-5.1-1 no GRUU for a device that does not ask", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`Contact: <sip:a@192.0.2.1>;${IDS}`);
  expect(answer.all("Contact")[0]).not.toContain("gruu");
});

test("GRUU-5.1-2 a GRUU offered by the client is ignored", async () => {
  stage = await registrarStage();
  const offered = await registerDevice(';pub-gruu="sip:evil@x";temp-gruu="sip:evil@y"');
  expect(offered.pub).toBe(`sip:bob@example.org;gr=${INSTANCE}`);
  expect(offered.temp).not.toContain("evil");
});

test("GRUU-5.4-1 OB-12-1 a GRUU leads to the contacts of its instance, all of its flows, and to nobody else", async () => {
  stage = await registrarStage();
  await stage.register("Contact: <sip:other@192.0.2.9>");
  const { pub, temp } = await registerDevice(";reg-id=1");
  await stage.register(`Supported: outbound\nContact: <sip:second@192.0.2.1>;${IDS};reg-id=2`);
  for (const uri of [pub, temp, pub.replace("uuid", "UUID"), pub.replace("bob", "%62ob")]) {
    expect([...((await targets(uri)) ?? [])].sort(), uri).toEqual(["sip:a@192.0.2.1", "sip:second@192.0.2.1"]);
  }
  expect(await targets("sip:bob@example.org")).toHaveLength(3);
  expect(stage.gruus.resolve("sip:bob@example.org")?.kind).toBe("aor");
});

test("GRUU-5.1-3 a new Call-ID invalidates earlier temporary GRUUs, a refresh does not", async () => {
  stage = await registrarStage();
  const first = await registerDevice();
  const second = await registerDevice();
  expect(await targets(first.temp)).toHaveLength(1);
  const third = await registerDevice("", "two");
  for (const { temp } of [first, second]) expect(await targets(temp)).toEqual([]);
  expect(await targets(third.temp)).toHaveLength(1);
  expect(await targets(first.pub)).toHaveLength(1);
});

test("GRUU-5.1-4 temporary GRUUs have nothing in common", async () => {
  stage = await registrarStage();
  const { temp } = await registerDevice();
  const users = [temp];
  for (let count = 0; count < 200; count += 1) users.push((await registerDevice()).temp);
  expect(new Set(users).size).toBe(201);
  const bodies = users.map((uri) => uri.slice("sip:tgruu.".length, uri.indexOf("@")));
  expect(new Set(bodies.map((body) => body.slice(0, 8))).size).toBe(201);
  expect(new Set(bodies.map((body) => body.slice(-8))).size).toBe(201);
});

test("GRUU-5.1-5 a Contact that leads back here is refused", async () => {
  stage = await registrarStage();
  const { pub, temp } = await registerDevice();
  for (const uri of [pub, temp, "sip:bob@example.org"]) expect((await stage.register(`Contact: <${uri}>`)).status).toBe(403);
});

test("GRUU-5.3-1 GRUU-5.3-2 with its last contact a device loses its temporary GRUUs; the public one stays valid", async () => {
  stage = await registrarStage();
  const { pub, temp } = await registerDevice();
  await stage.register(`Call-ID: one\nContact: <sip:a@192.0.2.1>;${IDS};expires=0`);
  expect(await targets(temp)).toEqual([]);
  expect(stage.gruus.resolve(temp)?.kind).toBe("temporary-gruu");
  expect(await targets(pub)).toEqual([]);
  expect(stage.gruus.resolve(pub)?.kind).toBe("public-gruu");
});

test("GRUU-6-1 anything that was never our GRUU is not a GRUU", async () => {
  stage = await registrarStage();
  const { temp } = await registerDevice();
  const flipped = temp.replace(/^(sip:tgruu\..{20})(.)/, (_, head: string, last: string) => head + (last === "A" ? "B" : "A"));
  for (const uri of [flipped, "sip:tgruu.@example.org;gr", "sip:tgruu.AAAA@example.org;gr", "sip:bob@example.org;gr", "sip:bob@example.org;gr=nosuch"]) {
    expect(stage.gruus.resolve(uri)).toBeUndefined();
  }
  expect(new Gruus(new Uint8Array(32)).resolve(temp)).toBeUndefined();
  expect(await targets("sip:bob@example.org;gr=urn:uuid:nobody")).toEqual([]);
});
