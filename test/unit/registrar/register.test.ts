/** RFC 3261 10.3 and RFC 3327 5.3, step by step. */
import { afterEach, expect, test } from "vitest";
import type { RequestSource } from "../../../src/registrar/request-source.js";
import { Domains } from "../../../src/sip/domains.js";
import { DIRECT, EDGE, type RegistrarStage, registrarStage } from "../../support/registrar-stage.js";

let stage: RegistrarStage;
afterEach(() => stage.close());

test("REG-1 a domain that is not served here is refused; if none is configured, every domain is served", async () => {
  stage = await registrarStage();
  expect((await stage.register("Contact: <sip:b@192.0.2.1>", DIRECT, "sip:elsewhere.org")).status).toBe(403);
  await stage.close();
  stage = await registrarStage({ domains: new Domains([]) });
  expect((await stage.register("To: <sip:bob@127.0.0.1:5070>\nContact: <sip:bob@127.0.0.1:5062>", DIRECT, "sip:127.0.0.1:5070")).status).toBe(200);
});

test("REG-1 a REGISTER to the address of the server is for whatever domain its To names", async () => {
  const domains = new Domains([{ name: "example.org" }], ["192.0.2.9", "2001:db8::9"]);
  stage = await registrarStage({ domains });
  const contact = "Contact: <sip:bob@192.0.2.1>";
  for (const uri of ["sip:192.0.2.9:5060", "sip:[2001:db8::9]", "sip:example.org."]) expect((await stage.register(contact, DIRECT, uri)).status, uri).toBe(200);
  expect((await stage.register(contact, DIRECT, "sip:192.0.2.8")).status).toBe(403);
  expect((await stage.register(`To: <sip:bob@192.0.2.9>\n${contact}`, DIRECT, "sip:192.0.2.9:5060")).status).toBe(404);
});

test("an alias belongs to the same address of record as its domain, another domain does not", async () => {
  stage = await registrarStage({ domains: new Domains([{ name: "example.org" }, { name: "sip.example.org", aliasOf: "example.org" }, { name: "example.net" }]) });
  await stage.register("To: <sip:bob@sip.example.org>\nContact: <sip:bob@192.0.2.1>", DIRECT, "sip:sip.example.org");
  await stage.register("To: <sip:bob@example.net>\nContact: <sip:bob@192.0.2.2>", DIRECT, "sip:example.net");
  expect(await stage.contacts()).toEqual(["sip:bob@192.0.2.1"]);
});

test("REG-2 OB-12-4 an unknown extension is 420, and named", async () => {
  stage = await registrarStage();
  const answer = await stage.register("Require: path, nothingSupportsThis\nRequire: norThis\nContact: <sip:b@192.0.2.1>");
  expect(answer.status).toBe(420);
  expect(answer.all("Unsupported")).toEqual(["nothingsupportsthis, northis"]);
});

test.each([
  ["TT-35 REG-5", "To: <sip:bob@example.org>", "nobodyknowsthis:totallyopaque", 416],
  ["REG-5", "To: <sip:nobody@elsewhere.org>", "sip:example.org", 404],
  ["REG-5", "To: <sip:example.org>", "sip:example.org", 404],
  ["TT-37", "To: isbn:2983792873", "sip:example.org", 400],
  ["TT-27", 'To: "Watson, Thomas" < sip:t.watson@example.org >', "sip:example.org", 400],
  ["TT-28", "To: Bell, Alexander <sip:bob@example.org>", "sip:example.org", 400],
  ["TT-17", "CSeq: 36893488147419103232 REGISTER", "sip:example.org", 400],
  ["TT-30", "CSeq: 1 INVITE", "sip:example.org", 400],
] as const)("%s %s to %s is %i", async (_, line, uri, status) => {
  stage = await registrarStage();
  expect((await stage.register(`${line}\nContact: <sip:b@192.0.2.1>`, DIRECT, uri)).status).toBe(status);
  expect(await stage.contacts()).toEqual([]);
});

test("REG-6 TT-03 the address of record has no parameters and decoded escapes", async () => {
  stage = await registrarStage();
  await stage.register("To: <sips:%62ob:pw@EXAMPLE.ORG:5061;user=phone>\nContact: <sip:b@192.0.2.1>");
  expect(await stage.contacts()).toEqual(["sip:b@192.0.2.1"]);
});

test("TT-04 escaped NULs make a different name, not a shorter one", async () => {
  stage = await registrarStage();
  const answer = await stage.register("To: <sip:null-%00-null@example.org>\nContact: <sip:%00@192.0.2.1>\nContact: <sip:%00%00@192.0.2.1>");
  expect(answer.all("Contact")).toHaveLength(2);
  expect(await stage.store.lookup("sip:null-%00-null@example.org")).toHaveLength(2);
  expect(await stage.store.lookup("sip:null-@example.org")).toEqual([]);
});

test("REG-7 REG-16 REG-17 REG-18 a query lists all bindings with their expiry, and changes nothing", async () => {
  stage = await registrarStage();
  await stage.register("Contact: <sip:a@192.0.2.1>;expires=100\nContact: <sip:b@192.0.2.2>;expires=200");
  const answer = await stage.register("Record-Route: <sip:evil@192.0.2.66;lr>");
  expect(answer.status).toBe(200);
  expect([...answer.all("Contact")].sort()).toEqual(["<sip:a@192.0.2.1>;expires=100", "<sip:b@192.0.2.2>;expires=200"]);
  expect(answer.all("Date")).toHaveLength(1);
  expect(answer.all("Record-Route")).toEqual([]);
});

test.each(["Contact: *", "Contact: *\nExpires: 1", "Contact: *, <sip:c@192.0.2.1>\nExpires: 0", "Contact: *\nContact: *\nExpires: 0", "Contact: *;expires=0"])(
  "REG-8 OB-4.2-9 %j is 400 and changes nothing",
  async (lines) => {
    stage = await registrarStage();
    await stage.register("Contact: <sip:a@192.0.2.1>");
    expect((await stage.register(lines)).status).toBe(400);
    expect(await stage.contacts()).toEqual(["sip:a@192.0.2.1"]);
  },
);

test("REG-9 OB-4.2-8 Contact: * with Expires 0 removes flows and plain bindings, and needs a higher CSeq", async () => {
  stage = await registrarStage();
  const ids = '+sip.instance="<urn:uuid:1>"';
  for (const regId of [1, 2]) await stage.register(`Supported: outbound\nCSeq: ${50 + regId} REGISTER\nContact: <sip:a@192.0.2.1>;${ids};reg-id=${regId}`);
  await stage.register("CSeq: 60 REGISTER\nContact: <sip:b@192.0.2.1>");
  expect((await stage.register("CSeq: 60 REGISTER\nContact: *\nExpires: 0")).status).toBe(500);
  expect(await stage.contacts()).toHaveLength(3);
  const answer = await stage.register("CSeq: 61 REGISTER\nContact: *\nExpires: 0");
  expect(answer.status).toBe(200);
  expect(answer.all("Contact")).toEqual([]);
});

test.each([
  ["REG-10 the parameter first", "Expires: 100\nContact: <sip:a@192.0.2.1>;expires=200", 200],
  ["REG-10 then the header", "Expires: 100\nContact: <sip:a@192.0.2.1>", 100],
  ["REG-10 then the default", "Contact: <sip:a@192.0.2.1>", 3_600],
  ["REG-12 anything but a number counts as an hour", "Contact: <sip:a@192.0.2.1>;expires=abc", 3_600],
  ["REG-12 so does a negative number", "Expires: -1\nContact: <sip:a@192.0.2.1>", 3_600],
  ["REG-12 TT-17 too large a number becomes the maximum", "Contact: <sip:a@192.0.2.1>;expires=1099511627776", 7_200],
  ["REG-11 the minimum", "Contact: <sip:a@192.0.2.1>;expires=60", 60],
])("%s", async (_, lines, seconds) => {
  stage = await registrarStage();
  const answer = await stage.register(lines);
  expect(answer.all("Contact")).toEqual([`<sip:a@192.0.2.1>;expires=${seconds}`]);
});

test("REG-11 too short is 423 with Min-Expires, but never above an hour", async () => {
  stage = await registrarStage();
  const answer = await stage.register("Contact: <sip:a@192.0.2.1>;expires=59");
  expect(answer.status).toBe(423);
  expect(answer.all("Min-Expires")).toEqual(["60"]);
  await stage.close();
  stage = await registrarStage({ minExpires: 7_200 });
  expect((await stage.register("Contact: <sip:a@192.0.2.1>;expires=3599")).status).toBe(423);
  expect((await stage.register("Contact: <sip:a@192.0.2.1>;expires=3600")).all("Contact")).toEqual(["<sip:a@192.0.2.1>;expires=3600"]);
});

test("OB-4.5-1 granted expiries are spread, never below the minimum and never above what was asked for", async () => {
  stage = await registrarStage({ expiresJitterPercent: 50, minExpires: 600 });
  const granted = new Set<number>();
  for (let count = 0; count < 40; count += 1) {
    const [contact = ""] = (await stage.register("Contact: <sip:a@192.0.2.1>;expires=1000")).all("Contact");
    granted.add(Number(contact.split("=")[1]));
  }
  expect(Math.min(...granted)).toBeGreaterThanOrEqual(600);
  expect(Math.max(...granted)).toBeLessThanOrEqual(1_000);
  expect(granted.size).toBeGreaterThan(5);
});

test("REG-13 the same Call-ID with a lower or equal CSeq fails and changes nothing", async () => {
  stage = await registrarStage();
  await stage.register("CSeq: 10 REGISTER\nContact: <sip:a@192.0.2.1>;expires=100");
  for (const cseq of [9, 10]) expect((await stage.register(`CSeq: ${cseq} REGISTER\nContact: <sip:a@192.0.2.1>;expires=0`)).status).toBe(500);
  expect((await stage.register("Call-ID: other\nCSeq: 1 REGISTER\nContact: <sip:a@192.0.2.1>;expires=0")).all("Contact")).toEqual([]);
});

test.each(["Contact: <sip:a@192.0.2.1>, sip:b@192.0.2.2?x=y", "Contact: <sip:a@192.0.2.1>, <mailto:b@c>", 'Contact: <sip:a@192.0.2.1>, "b <sip:c@d>', "Contact: <sip:a@192.0.2.1>,,<sip:b@c>", "Contact: <sip:a@192.0.2.1>, None", "Contact: %"])(
  "REG-14 TT-26 %j is 400 as a whole",
  async (lines) => {
    stage = await registrarStage();
    expect((await stage.register(lines)).status).toBe(400);
    expect(await stage.contacts()).toEqual([]);
  },
);

test("REG-24 more than the limit is 403 and keeps none of them; a flood of Contacts is 400", async () => {
  stage = await registrarStage({ maxContacts: 3 });
  const contacts = (count: number): string => `Contact: ${Array.from({ length: count }, (_, host) => `<sip:a@h${host}>`).join(", ")}`;
  expect((await stage.register(contacts(4))).status).toBe(403);
  expect(await stage.contacts()).toEqual([]);
  expect((await stage.register(contacts(3))).status).toBe(200);
  expect((await stage.register(contacts(101))).status).toBe(400);
  expect(await stage.contacts()).toHaveLength(3);
});

test("REG-19 OB-4.2-7 no 6xx for anything, and third-party registrations follow the plain rules", async () => {
  stage = await registrarStage();
  const answer = await stage.register("From: <sip:assistant@example.org>;tag=2\nSupported: outbound\nContact: <sip:bob@192.0.2.5>");
  expect(answer.status).toBe(200);
  expect(answer.all("Require")).toEqual([]);
});

test("REG-20 a failing store is 500 and is reported", async () => {
  stage = await registrarStage();
  await stage.register("Contact: <sip:a@192.0.2.1>");
  await stage.store.close();
  expect((await stage.register("Contact: <sip:b@192.0.2.1>")).status).toBe(500);
  expect(stage.errors).toHaveLength(1);
});

test("REG-22 TT-47 SA-22 OB-6-18 REG-23 headers in a Contact URI and odd parameters come back exactly", async () => {
  stage = await registrarStage();
  const contact = '<sip:a@Host.Example:5070;Pn-Provider=apns?Route=%3Csip:x%3E>;+sip.foo="a,b\\"c";q=0.3;methods="INVITE";x';
  const answer = await stage.register(`Contact: "Bob, B." ${contact};expires=100`);
  expect(answer.all("Contact")).toEqual([`${contact};expires=100`]);
  expect((await stage.store.lookup("sip:bob@example.org"))[0]?.q).toBe(300);
});

test("TT-45 TT-46 a parameter stays on its side of the bracket", async () => {
  stage = await registrarStage();
  await stage.register("Contact: sip:watson@192.0.2.1;unknownparam");
  const answer = await stage.register("Contact: <sip:watson@192.0.2.2;unknownparam>");
  expect([...answer.all("Contact")].sort()).toEqual(["<sip:watson@192.0.2.1>;unknownparam;expires=3600", "<sip:watson@192.0.2.2;unknownparam>;expires=3600"]);
});

test("OB-6-16 equivalent Contact URIs are one binding", async () => {
  stage = await registrarStage();
  for (const uri of ["sip:a@host.example;x=1", "sip:%61@HOST.example;y=2"]) await stage.register(`Contact: <${uri}>`);
  expect(await stage.contacts()).toEqual(["sip:%61@HOST.example;y=2"]);
});

test("OB-6-1 OB-6-36 PATH-5.3-1 PATH-5.3-2 the Path is stored and returned octet for octet", async () => {
  stage = await registrarStage();
  const path = ["<sip:T%6fKen@Edge.Example.ORG:5060;lr;Ob;x=%41>", '"a, b"  <sip:p2;LR>;y="z"'];
  const answer = await stage.register(`Supported: path\nPath: ${path[0]}\nPath:   ${path[1]}  \nContact: <sip:a@192.0.2.1>`, EDGE);
  expect(answer.all("Path")).toEqual(path);
  expect((await stage.store.lookup("sip:bob@example.org"))[0]).toMatchObject({ path });
});

test("PATH-5.3-5 PATH-5.3-6 each REGISTER has its own Path, and none replaces one", async () => {
  stage = await registrarStage();
  await stage.register("Supported: path\nCall-ID: 1\nPath: <sip:e1;lr>\nContact: <sip:a@192.0.2.1>, <sip:b@192.0.2.1>", EDGE);
  await stage.register("Supported: path\nCall-ID: 2\nPath: <sip:e2;lr>\nContact: <sip:c@192.0.2.1>", EDGE);
  await stage.register("Supported: path\nCall-ID: 1\nContact: <sip:b@192.0.2.1>", EDGE);
  const paths = (await stage.store.lookup("sip:bob@example.org")).map(({ contactUri, path }) => [contactUri.slice(4, 5), path]);
  expect(Object.fromEntries(paths)).toEqual({ a: ["<sip:e1;lr>"], b: [], c: ["<sip:e2;lr>"] });
});

test("PATH-5.3-3 a Path for a device without support is 420, or stored if so configured", async () => {
  stage = await registrarStage();
  const lines = "Path: <sip:e1;lr>\nContact: <sip:a@192.0.2.1>";
  const refused = await stage.register(lines, EDGE);
  expect(refused.status).toBe(420);
  expect(refused.all("Unsupported")).toEqual(["path"]);
  await stage.close();
  stage = await registrarStage({ pathMode: "lazy" });
  expect((await stage.register(lines, EDGE)).all("Path")).toEqual(["<sip:e1;lr>"]);
});

test.each([
  ["a device", DIRECT],
  ["a proxy that is no edge", { ...EDGE, isEdge: false }],
] as readonly (readonly [string, RequestSource])[])("OB-12-6 a Path from %s is refused", async (_, from) => {
  stage = await registrarStage();
  const answer = await stage.register("Supported: path, outbound\nPath: <sip:stolen@edge;lr;ob>\nContact: <sip:a@192.0.2.1>", from);
  expect(answer.status).toBe(403);
  expect(await stage.contacts()).toEqual([]);
});

test.each(["Path: <sip:a", "Path: nonsense", `Path: ${Array<string>(30).fill("<sip:e;lr>").join(", ")}`])("a bad %j is 400", async (path) => {
  stage = await registrarStage();
  expect((await stage.register(`Supported: path\n${path}\nContact: <sip:a@192.0.2.1>`, EDGE)).status).toBe(400);
});

test("OB-6-22 a direct device is reached by its flow, one behind an edge is not", async () => {
  stage = await registrarStage();
  await stage.register("Call-ID: 1\nContact: <sip:a@192.0.2.1>");
  await stage.register("Call-ID: 2\nSupported: path\nPath: <sip:e1;lr>\nContact: <sip:b@192.0.2.1>", EDGE);
  expect(Object.fromEntries((await stage.store.lookup("sip:bob@example.org")).map(({ contactUri, flow }) => [contactUri, flow]))).toEqual({
    "sip:a@192.0.2.1": "1/1",
    "sip:b@192.0.2.1": undefined,
  });
});
