/** RFC 5626 6: when a REGISTER creates a flow, and what the response says about it. */
import { afterEach, expect, test } from "vitest";
import { DIRECT, EDGE, type RegistrarStage, registrarStage } from "../../support/registrar-stage.js";

const IDS = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"';
const SUPPORTED = "Supported: path, outbound";
const OB = "Path: <sip:T%6Fken@edge.example.org;lr;ob>";

let stage: RegistrarStage;
afterEach(() => stage.close());

test("OB-6-2 OB-6-19 OB-6-21 a direct device gets its flow without a Path, and Require: outbound", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`${SUPPORTED}\nContact: <sip:bob@192.0.2.1>${IDS};reg-id=1`);
  expect(answer.status).toBe(200);
  expect(answer.all("Require")).toEqual(["outbound"]);
  expect(answer.all("Supported")).toEqual(["path, outbound"]);
  expect(answer.all("Flow-Timer")).toEqual([]);
  const [binding] = await stage.store.lookup("sip:bob@example.org");
  expect(binding).toMatchObject({ outbound: true, regId: 1, flow: "1/1", instance: "urn:uuid:00000000-0000-1000-8000-aabbccddeeff", path: [] });
});

test("OB-6-27 OB-6-26 Flow-Timer only with Require: outbound, only to a direct device", async () => {
  stage = await registrarStage({ flowTimer: 120 });
  const contact = `Contact: <sip:bob@192.0.2.1>${IDS};reg-id=1`;
  expect((await stage.register(`${SUPPORTED}\n${contact}`)).all("Flow-Timer")).toEqual(["120"]);
  expect((await stage.register(`Supported: path\n${contact}`)).all("Flow-Timer")).toEqual([]);
  expect((await stage.register(`${SUPPORTED}\n${OB}\n${contact}`, EDGE)).all("Flow-Timer")).toEqual([]);
});

test.each([
  ["OB-6-3 no Path", ""],
  ["OB-6-4 a Path without ob", "Path: <sip:tok@edge;lr>\n"],
])("OB-6-5 OB-6-6 OB-6-13 %s behind another hop: 439 with the option tag, a plain binding without", async (_, path) => {
  stage = await registrarStage();
  const contact = (host: number): string => `${path}Contact: <sip:bob@192.0.2.${host}>${IDS};reg-id=1`;
  const refused = await stage.register(`${SUPPORTED}\n${contact(1)}`, EDGE);
  expect(refused).toMatchObject({ status: 439, reason: "First Hop Lacks Outbound Support" });
  expect(await stage.contacts()).toEqual([]);
  const plain = await stage.register(`Supported: path\n${contact(1)}`, EDGE);
  expect(plain.status).toBe(200);
  expect(plain.all("Require")).toEqual([]);
  await stage.register(`Supported: path\n${contact(2)}`, EDGE);
  expect(await stage.contacts()).toEqual(["sip:bob@192.0.2.1", "sip:bob@192.0.2.2"]);
});

test("OB-4.2-10 a device that ignores 439 gets it again and again, and nothing grows", async () => {
  stage = await registrarStage();
  for (let count = 0; count < 100; count += 1) {
    expect((await stage.register(`${SUPPORTED}\nContact: <sip:bob@192.0.2.1>${IDS};reg-id=1`, EDGE)).status).toBe(439);
  }
  expect(await stage.contacts()).toEqual([]);
});

const TWO_HOPS = "Path: <sip:p2;lr>, <sip:tok@edge;lr;ob>";
test.each([
  ["last", TWO_HOPS, 200],
  ["top", TWO_HOPS, 439],
  ["any", TWO_HOPS, 200],
  ["last", "Path: <sip:tok@edge;lr;ob>\nPath: <sip:p2;lr>", 439],
  ["top", "Path: <sip:tok@edge;lr;ob>\nPath: <sip:p2;lr>", 200],
  ["any", "Path: <sip:tok@edge;lr>\nPath: <sip:p2;lr>", 439],
] as const)("D1 OB-6-7 SA-21 with %s, %s is answered %i", async (obPathCheck, path, status) => {
  stage = await registrarStage({ obPathCheck });
  expect((await stage.register(`${SUPPORTED}\n${path}\nContact: <sip:bob@192.0.2.1>${IDS};reg-id=1`, EDGE)).status).toBe(status);
});

test("OB-6-8 ob is found in upper case, after a name, among others, on a folded line", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`${SUPPORTED}\nPath: <sip:p2;lr>,\n  "x, y" <sip:a@b;OB;lr>\nContact: <sip:bob@192.0.2.1>${IDS};reg-id=1`, EDGE);
  expect(answer.all("Require")).toEqual(["outbound"]);
});

test("a flow that cannot be kept means that the first hop lacks outbound", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`${SUPPORTED}\nContact: <sip:bob@192.0.2.1>${IDS};reg-id=1`, { ...DIRECT, flowIsOutboundCapable: false });
  expect(answer.status).toBe(439);
});

test("OB-6-9 OB-6-10 OB-6-13 instance or reg-id alone do not make a flow", async () => {
  stage = await registrarStage();
  for (const parameters of [IDS, ";reg-id=1"]) {
    const answer = await stage.register(`${SUPPORTED}\nContact: <sip:bob@192.0.2.1>${parameters}`);
    expect(answer.status).toBe(200);
    expect(answer.all("Require")).toEqual([]);
  }
  expect((await stage.store.lookup("sip:bob@example.org")).map(({ outbound }) => outbound)).toEqual([false]);
});

test("OB-6-11 several lasting Contacts, one with reg-id: 400 and nothing stored", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`${SUPPORTED}\nContact: <sip:a@192.0.2.1>${IDS};reg-id=1, <sip:b@192.0.2.2>`);
  expect(answer.status).toBe(400);
  expect(await stage.contacts()).toEqual([]);
});

test("OB-6-12 one Contact with reg-id and others being removed are one operation", async () => {
  stage = await registrarStage();
  await stage.register("Contact: <sip:old@192.0.2.2>");
  const answer = await stage.register(`${SUPPORTED}\nContact: <sip:a@192.0.2.1>${IDS};reg-id=1, <sip:old@192.0.2.2>;expires=0`);
  expect(answer.all("Require")).toEqual(["outbound"]);
  expect(await stage.contacts()).toEqual(["sip:a@192.0.2.1"]);
});

test("OB-6-14 OB-4.2-11 flows and plain bindings coexist", async () => {
  stage = await registrarStage();
  await stage.register(`${SUPPORTED}\nContact: <sip:a@192.0.2.1>${IDS};reg-id=1`);
  await stage.register("Contact: <sip:b@192.0.2.2;ob>");
  expect(await stage.contacts()).toEqual(["sip:a@192.0.2.1", "sip:b@192.0.2.2;ob"]);
});

test("OB-6-17 OB-4.2-2 OB-4.5-2 OB-6-24 OB-4.2-5 the same ids replace, with a new URI, Call-ID, CSeq and flow", async () => {
  stage = await registrarStage();
  await stage.register(`${SUPPORTED}\nCall-ID: one\nCSeq: 900 REGISTER\nContact: <sip:x@192.0.2.1>${IDS};reg-id=1`);
  await stage.register(`${SUPPORTED}\nCall-ID: two\nCSeq: 1 REGISTER\nContact: <sip:y@192.0.2.9>${IDS};reg-id=1`, { ...DIRECT, flow: "1/2" });
  const bindings = await stage.store.lookup("sip:bob@example.org");
  expect(bindings.map(({ contactUri, flow }) => [contactUri, flow])).toEqual([["sip:y@192.0.2.9", "1/2"]]);
});

test("OB-6-25 a refresh makes a flow the most recent one", async () => {
  stage = await registrarStage();
  for (const regId of [1, 2, 1]) {
    await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.${regId}>${IDS};reg-id=${regId}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const bindings = await stage.store.lookup("sip:bob@example.org");
  expect([...bindings].sort((one, other) => other.updatedAt - one.updatedAt).map(({ regId }) => regId)).toEqual([1, 2]);
});

test("OB-4.2-1 OB-6-34 OB-6-37 two flows of one device, each with its own Path, one leaves and the other stays", async () => {
  stage = await registrarStage();
  const by = (edge: number, more = ""): string => `${SUPPORTED}\nCall-ID: c${edge}\nPath: <sip:tok@edge${edge};lr;ob>\nContact: <sip:x@192.0.2.1>${IDS};reg-id=${edge}${more}`;
  await stage.register(by(1), EDGE);
  const second = await stage.register(by(2), EDGE);
  expect(second.all("Contact")).toHaveLength(2);
  expect(second.all("Contact").every((value) => /;reg-id=[12];expires=\d+$/.test(value) && value.includes("+sip.instance"))).toBe(true);
  expect(second.all("Path")).toEqual(["<sip:tok@edge2;lr;ob>"]);
  const gone = await stage.register(by(1, ";expires=0"), EDGE);
  expect(gone.all("Contact")).toHaveLength(1);
  expect((await stage.store.lookup("sip:bob@example.org")).map(({ regId }) => regId)).toEqual([2]);
});

test("OB-6-20 without the option tag it is still a flow, but nothing is required", async () => {
  stage = await registrarStage();
  const answer = await stage.register(`Contact: <sip:x@192.0.2.1>${IDS};reg-id=1`);
  expect(answer.all("Require")).toEqual([]);
  await stage.register(`Contact: <sip:y@192.0.2.1>${IDS};reg-id=1`);
  expect(await stage.contacts()).toEqual(["sip:y@192.0.2.1"]);
});

test("OB-6-28 Require: outbound is understood, or refused where outbound is off", async () => {
  stage = await registrarStage();
  const lines = `${SUPPORTED}\nRequire: outbound\nContact: <sip:x@192.0.2.1>${IDS};reg-id=1`;
  expect((await stage.register(lines)).status).toBe(200);
  await stage.close();
  stage = await registrarStage({ outbound: "off" });
  const refused = await stage.register(lines);
  expect(refused.status).toBe(420);
  expect(refused.all("Unsupported")).toEqual(["outbound"]);
  const plain = await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.1>${IDS};reg-id=1`, EDGE);
  expect(plain.status).toBe(200);
  expect(plain.all("Supported")).toEqual(["path"]);
});

test.each(["0", "2147483648", "4294967297", "-1", "1a", "", '"1"', "1.0", "+1", "99999999999999999999999"])(
  "OB-6-29 OB-10-2 reg-id=%s is 400 and changes nothing",
  async (regId) => {
    stage = await registrarStage();
    await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.1>${IDS};reg-id=1`);
    expect((await stage.register(`${SUPPORTED}\nContact: <sip:y@192.0.2.1>${IDS};reg-id=${regId}`)).status).toBe(400);
    expect(await stage.contacts()).toEqual(["sip:x@192.0.2.1"]);
  },
);

test("OB-6-30 OB-4.2-3 OB-6-31 reg-id may be any number up to 2147483647, and is one", async () => {
  stage = await registrarStage();
  for (const regId of ["1", "7", "2147483647", "0001"]) {
    await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.1>${IDS};reg-id=${regId}`);
  }
  expect((await stage.store.lookup("sip:bob@example.org")).map(({ regId }) => regId).sort()).toEqual([1, 2147483647, 7]);
});

test("OB-6-32 the same Call-ID needs a higher CSeq for a flow too", async () => {
  stage = await registrarStage();
  await stage.register(`${SUPPORTED}\nCSeq: 9 REGISTER\nContact: <sip:x@192.0.2.1>${IDS};reg-id=1`);
  expect((await stage.register(`${SUPPORTED}\nCSeq: 9 REGISTER\nContact: <sip:y@192.0.2.1>${IDS};reg-id=1`)).status).toBe(500);
  expect(await stage.contacts()).toEqual(["sip:x@192.0.2.1"]);
});

test("OB-6-33 a replacement does not count as growth", async () => {
  stage = await registrarStage({ maxContacts: 1 });
  await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.1>${IDS};reg-id=1`);
  expect((await stage.register(`${SUPPORTED}\nContact: <sip:y@192.0.2.2>${IDS};reg-id=1`)).status).toBe(200);
  expect((await stage.register(`${SUPPORTED}\nContact: <sip:y@192.0.2.2>${IDS};reg-id=2`)).status).toBe(403);
});

test.each([
  ['"<urn:uuid:AAAAAAAA-0000-1000-8000-AABBCCDDEEFF>"', '"<URN:UUID:aaaaaaaa-0000-1000-8000-aabbccddeeff>"', 1],
  ['"<urn:dev:mac:00112233>"', '"<urn:DEV:mac:00112233>"', 1],
  ['"<urn:dev:mac:aa>"', '"<urn:dev:mac:AA>"', 2],
  ['"<urn:x-a:%aa>"', '"<urn:x-a:%AA>"', 1],
])("OB-4.1-1 OB-4.1-2 instances %s and %s are %i device(s)", async (one, other, devices) => {
  stage = await registrarStage();
  await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.1>;reg-id=1;+sip.instance=${one}`);
  await stage.register(`${SUPPORTED}\nContact: <sip:y@192.0.2.2>;reg-id=1;+sip.instance=${other}`);
  expect(await stage.contacts()).toHaveLength(devices);
});

test.each(['"<>"', '"abc"', "urn:uuid:1", '"urn:uuid:1"', '"<urn:>"', '"<urn:a b:c>"', `"<urn:x:${"y".repeat(300)}>"`, '""'])(
  "OB-4.1-3 the instance %s does not count and replaces nobody",
  async (instance) => {
    stage = await registrarStage();
    for (const host of [1, 2]) {
      const answer = await stage.register(`${SUPPORTED}\nContact: <sip:x@192.0.2.${host}>;reg-id=1;+sip.instance=${instance}`);
      expect(answer.status).toBe(200);
      expect(answer.all("Require")).toEqual([]);
    }
    expect(await stage.contacts()).toHaveLength(2);
  },
);
