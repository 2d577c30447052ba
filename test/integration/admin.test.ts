/** The admin plane over real HTTP: health, metrics, flows, keys, bans, and who may use it. */
import { createServer } from "node:net";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { INSTANCE, register } from "../support/calls.js";
import { cast, type Cast, type Scenery } from "../support/cast.js";
import { Edge } from "../support/edge.js";
import { freePort } from "../support/ports.js";
import { userOf } from "../support/sip-message.js";

interface Flow {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly transport: string;
  readonly outbound: boolean;
  readonly messages: number;
  readonly octetsIn: number;
  readonly idleMs: number;
  readonly ageMs: number;
  readonly aors: readonly { readonly aor: string; readonly instance: string; readonly regId: number }[];
}

async function stage(scenery: Scenery = {}): Promise<Cast & { readonly admin: Admin }> {
  const admin = await Admin.choose();
  const company = await cast({ ...scenery, settings: { SLUICE_ADMIN_LISTEN: admin.listen, ...scenery.settings } });
  return Object.assign(company, { admin });
}

async function flowsOf(admin: Admin, word: string): Promise<readonly Flow[]> {
  return (await admin.get(`/api/flows?q=${encodeURIComponent(word)}`)).json["flows"] as readonly Flow[];
}

async function metric(admin: Admin, line: string): Promise<number> {
  const { text } = await admin.get("/metrics");
  return Number(text.split("\n").find((one) => one.startsWith(`${line} `))?.split(" ").at(-1) ?? NaN);
}

test("SA-11 /livez and /readyz report that it serves, /metrics counts the traffic of all shards", async () => {
  const { admin, U, U2, C } = await stage({ settings: { SLUICE_SHARDS: "2" } });
  expect((await admin.get("/livez")).status).toBe(200);
  await expect.poll(async () => (await admin.get("/readyz?verbose")).status).toBe(200);
  await register(U, C);
  await register(U2, C);
  expect(await metric(admin, "sluice_registers_accepted_total")).toBe(2);
  expect(await metric(admin, 'sluice_responses_sent_total{class="2xx"}')).toBeGreaterThanOrEqual(2);
  expect(await metric(admin, 'sluice_flows{kind="udp"}')).toBe(2);
  expect(await metric(admin, "sluice_shards_running")).toBe(2);
  const { text } = await admin.get("/metrics");
  expect(text).toContain("# TYPE sluice_requests_received_total counter");
  expect(text).toMatch(/sluice_upstream_up\{target="udp:127\.0\.0\.1:\d+"\} 1/);
});

for (const client of ["udp", "tcp"] as const) {
  test(`SA-11 a flow is found by AOR, instance, address and name, with its facts, ${client}`, async () => {
    const { admin, U, U2, C } = await stage({ client, settings: { SLUICE_SHARDS: "2" } });
    await register(U, C);
    await register(U2, C);
    await U.say("REGISTER sip:example.com SIP/2.0\nCall-ID: second\nTo: <sip:alice@example.com>\nSupported: path, outbound\nContact: <sip:alice@192.0.2.1>;reg-id=7;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\"");
    await C.request("REGISTER");
    await C.reply("200 OK");
    await U.response(200);
    const [flow, ...others] = await flowsOf(admin, "ALICE@example");
    expect(others).toEqual([]);
    expect(`${flow?.address}:${flow?.port}`).toBe(U.at);
    expect(flow).toMatchObject({ transport: client, outbound: true });
    expect(flow?.idleMs).toBeLessThan(10_000);
    expect(flow?.messages).toBeGreaterThan(0);
    expect(flow?.aors).toContainEqual(expect.objectContaining({ aor: "sip:alice@example.com", regId: 7, instance: "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF" }));
    if (client === "tcp") expect(flow?.octetsIn).toBeGreaterThan(400);
    for (const word of ["aabbccddeeff", U.at, flow?.id ?? ""]) {
      expect((await flowsOf(admin, word)).map(({ id }) => id), word).toEqual([flow?.id]);
    }
    expect(await flowsOf(admin, INSTANCE.slice(1, -1))).toHaveLength(2);
    expect(await flowsOf(admin, "nobody")).toEqual([]);
    expect((await admin.get(`/api/flows/${flow?.id}`)).json).toMatchObject({ id: flow?.id });
    expect((await admin.get("/api/flows/0.999.1")).status).toBe(404);
  });
}

test("SA-11 a refused REGISTER leaves no AOR, one with Expires 0 removes it", async () => {
  const { admin, U, C } = await stage({ client: "tcp" });
  const say = async (expires: number, answer: string): Promise<void> => {
    await U.say(`REGISTER sip:example.com SIP/2.0\nCall-ID: e${expires}${answer.slice(0, 3)}\nTo: <sip:bob@example.com>\nSupported: path, outbound\nContact: <sip:b@192.0.2.1>;reg-id=1;+sip.instance="<urn:x>";expires=${expires}`);
    await C.request("REGISTER");
    await C.reply(answer);
    await U.next();
  };
  await say(600, "403 Forbidden");
  expect(await flowsOf(admin, "bob@example.com")).toEqual([]);
  await say(600, "200 OK");
  expect(await flowsOf(admin, "bob@example.com")).toHaveLength(1);
  await say(0, "200 OK");
  expect(await flowsOf(admin, "bob@example.com")).toEqual([]);
});

test("SA-11 an ended flow is listed with its AOR and the reason; the operator can end one", async () => {
  const { admin, U, U2, C } = await stage({ client: "tcp" });
  await register(U, C);
  await register(U2, C);
  const at = U.at;
  await U.close();
  const ended = async (): Promise<Record<string, unknown>[]> => (await admin.get("/api/ended?q=somebody@example.com")).json["flows"] as Record<string, unknown>[];
  await expect.poll(async () => (await ended()).length).toBe(1);
  const [first] = await ended();
  expect(first).toMatchObject({ aor: "sip:somebody@example.com", reason: "closed by the peer or the network" });
  expect(`${String(first?.["address"])}:${String(first?.["port"])}`).toBe(at);
  const [flow] = await flowsOf(admin, U2.at);
  // The list knows to 50 ms when they ended, and the newer one is to be the first.
  await expect.poll(async () => (await ended())[0]?.["endedMs"]).toBeGreaterThanOrEqual(100);
  expect((await admin.ask("DELETE", `/api/flows/${flow?.id}`)).status).toBe(200);
  await expect.poll(async () => (await ended()).length).toBe(2);
  expect((await ended())[0]).toMatchObject({ reason: "closed by the operator or a drain" });
});

for (const client of ["udp", "tcp"] as const) {
  test(`OB-5.2-1 OB-5.2-7 a token is explained: alive, dead, forged, none; ${client}`, async () => {
    const { admin, U, C } = await stage({ client, settings: { SLUICE_SHARDS: "2" } });
    const path = (await register(U, C)).at(0) ?? "";
    const explain = async (text: string): Promise<unknown> => (await admin.get(`/api/token/${encodeURIComponent(text)}`)).json["verdict"];
    expect(await explain(path)).toBe("alive");
    expect(await explain(userOf(path))).toBe("alive");
    const other = userOf(path).endsWith("AA") ? "BB" : "AA";
    expect(await explain(`${userOf(path).slice(0, -2)}${other}`)).toBe("forged");
    expect(await explain("alice")).toBe("no token");
    if (client === "udp") return;
    await U.close();
    await expect.poll(() => explain(path)).toBe("dead");
  });
}

test("OB-5.2-2 rotated keys: the new one signs, tokens of the old one still lead to their flow, also after a restart", async () => {
  const { admin, SUT, U, C } = await stage({ process: true });
  const path = await register(U, C);
  const before = (await admin.get("/api/keys")).json["keys"] as { readonly id: number }[];
  const after = (await admin.ask("POST", "/api/keys/rotate", {})).json["keys"] as { readonly id: number; readonly signs: boolean }[];
  expect(after).toHaveLength(before.length + 1);
  expect(after[0]).toMatchObject({ signs: true });
  expect(after[1]?.id).toBe(before[0]?.id);
  const deliver = async (route: readonly string[], cseq: number): Promise<void> => {
    await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: ${cseq} MESSAGE\nRoute: ${route.join(", ")}`);
    await U.request("MESSAGE");
  };
  await deliver(path, 1);
  const fresh = await register(U, C);
  expect(userOf(fresh.at(0) ?? "")).not.toBe(userOf(path.at(0) ?? ""));
  await SUT.restart();
  await deliver(path, 2);
  await deliver(fresh, 3);
  expect(readFileSync(join(SUT.stateDir, "flow.keys"), "utf8").split("\n").filter((line) => /^\d+:/.test(line))).toHaveLength(2);
});

test("SA-16 with a token everything but health needs it; without one a page of another origin gets nothing", async () => {
  const token = "0123456789abcdef-token";
  const guarded = await stage({ settings: { SLUICE_ADMIN_TOKEN: token } });
  expect((await guarded.admin.get("/livez")).status).toBe(200);
  for (const path of ["/metrics", "/api/status", "/api/flows"]) {
    expect((await guarded.admin.get(path)).status, path).toBe(401);
    expect((await guarded.admin.get(path, { authorization: "Bearer wrong-but-just-as-long" })).status, path).toBe(401);
    expect((await guarded.admin.get(path, { authorization: `Bearer ${token}` })).status, path).toBe(200);
  }
  expect(guarded.SUT.output).not.toContain(token);
  const open = await stage();
  expect((await open.admin.get("/api/status")).status).toBe(200);
  expect((await open.admin.get("/api/status", { host: "rebound.example.net" })).status).toBe(403);
  expect((await open.admin.get("/api/status", { origin: "http://evil.example.net" })).status).toBe(403);
  expect((await open.admin.ask("POST", "/api/drain", {}, { "content-type": "text/plain" })).status).toBe(400);
});

test("SA-14 the control API refuses what does not exist or is invalid, and says why", async () => {
  const { admin } = await stage();
  expect(await admin.get("/api/nothing")).toMatchObject({ status: 404 });
  expect(await admin.ask("DELETE", "/api/status", {})).toMatchObject({ status: 405 });
  expect(await admin.get("/api/flows?limit=0")).toMatchObject({ status: 400 });
  expect(await admin.get("/api/flows/%zz")).toMatchObject({ status: 400 });
  expect(await admin.get("/api/bindings")).toMatchObject({ status: 409 });
  expect((await admin.ask("PUT", "/api/log", { level: "loud" })).json["error"]).toMatch(/level/);
  expect((await admin.ask("POST", "/api/traces", { what: "alice" })).json["error"]).toMatch(/AOR/);
  expect(await admin.ask("POST", "/api/traces", { what: "x".repeat(70_000) })).toMatchObject({ status: 413 });
});

test("a port in use is one line and exit status 1, a public admin port without a token is exit status 78", async () => {
  const port = await freePort();
  const taken = createServer().listen(port, "127.0.0.1");
  await once(taken, "listening");
  const edge = Edge.launch({ SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_ADMIN_LISTEN: `127.0.0.1:${port}` });
  expect(await edge.exited()).toBe(1);
  expect(edge.output).toMatch(/^sluice: cannot listen on .*EADDRINUSE, the port is held by .*SLUICE_ADMIN_LISTEN/m);
  taken.close();
  await edge.stop();
  const open = Edge.launch({ SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_ADMIN_LISTEN: "0.0.0.0:0" });
  expect(await open.exited()).toBe(78);
  expect(open.output).toMatch(/SLUICE_ADMIN_TOKEN/);
  await open.stop();
});
