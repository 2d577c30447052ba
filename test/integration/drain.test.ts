/** SIGTERM: no new requests, pending ones complete, and the process exits in time (RFC 5626 4.5). */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Admin, type AdminAnswer } from "../support/admin.js";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";
import { Edge } from "../support/edge.js";
import { Home } from "../support/home.js";
import { freePort } from "../support/ports.js";
import type { Party } from "../support/party.js";
import { TcpConnection } from "../support/tcp-connection.js";

for (const client of ["udp", "tcp"] as const) {
  test(`SA-8 OB-4.5-1 a request before SIGTERM is answered, one after it gets 503 with Retry-After, ${client}`, async () => {
    const { SUT, U, U2, C } = await cast({ process: true, client, settings: { SLUICE_DRAIN_SECONDS: "5" } });
    await U.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U@192.0.2.1>");
    await C.request("INVITE");
    await U2.settle();
    SUT.terminate();
    let status = 0;
    // Until the signal has been handled, requests are still relayed.
    for (let at = 1; at <= 200 && status !== 503; at += 1) {
      await U2.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at} MESSAGE`);
      const refused = await U2.next(100).catch(() => undefined);
      status = refused?.status ?? 0;
      if (refused?.status === 503) expect(Number(refused.header("Retry-After"))).toBeGreaterThan(0);
    }
    expect(status).toBe(503);
    expect(await SUT.exited()).toBe(0);
  });
}

test("SA-8 a final response for a request that was pending at SIGTERM still arrives", async () => {
  const { SUT, U, C } = await cast({ process: true, client: "tcp", settings: { SLUICE_DRAIN_SECONDS: "5" } });
  await U.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U@192.0.2.1>");
  await C.request("INVITE");
  SUT.terminate();
  await expect.poll(() => SUT.output).toMatch(/drain|stopp|SIGTERM/i);
  await C.reply("200 OK", `Contact: <sip:C@${C.at}>`);
  await U.response(200);
  expect(await SUT.exited()).toBe(0);
  if (U.wire instanceof TcpConnection) await U.wire.expectClosed();
});

test("SA-8 an edge with nothing to do exits at once", async () => {
  const { SUT } = await cast({ process: true, settings: { SLUICE_DRAIN_SECONDS: "60" } });
  SUT.terminate();
  expect(await SUT.exited()).toBe(0);
});

test("SA-8 a drain that the operator began pauses, goes back to work, and says when it will end", async () => {
  const admin = await Admin.choose();
  const company = await cast({ client: "tcp", core: "tcp", settings: { SLUICE_DRAIN_SECONDS: "600", SLUICE_DRAIN_RATE: "1", SLUICE_ADMIN_LISTEN: admin.listen }, own: true });
  const { SUT, U, U2, A, C } = company;
  const order = (action: string): Promise<AdminAnswer> => admin.ask("POST", "/api/drain", { action });
  expect((await order("pause")).status).toBe(409);
  expect((await order("stop")).status).toBe(409);
  await register(U, C);
  // A call that rings holds the drain up.
  await U.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U@192.0.2.1>");
  await C.request("INVITE");
  await order("start");
  await expect.poll(async () => (await admin.get("/api/drain")).json["drain"]).toMatchObject({ by: "the operator", isPaused: false });
  expect((await order("pause")).json["drain"]).toMatchObject({ isPaused: true });
  await expect.poll(async () => Number(/^sluice_drain_seconds (\d+)$/m.exec((await admin.get("/metrics")).text)?.[1])).toBeGreaterThan(500);
  await U2.say("REGISTER sip:example.com SIP/2.0\nContact: <sip:U2@192.0.2.1>");
  expect(Number((await U2.response(503)).header("Retry-After"))).toBeGreaterThan(0);
  expect((await order("nonsense")).status).toBe(400);
  expect((await order("stop")).json["drain"]).toBeNull();
  await expect.poll(() => SUT.output).toContain("the drain was called off");
  expect((await admin.get("/readyz")).status).toBe(200);
  expect((await admin.get("/metrics")).text).toMatch(/^sluice_drain_seconds 0$/m);
  await C.reply("486 Busy Here");
  await U.response(486);
  // Old connections and new ones work, and so does a second drain.
  await register(U2, C);
  await company.reconnect(U);
  await register(U, C);
  await A.settle();
  await order("start");
  await expect.poll(async () => (await admin.get("/api/status")).json["state"]).toBe("draining");
  await order("stop");
});

/** Phones with a connection each, and in which order and when these end. */
async function phonesOf(company: Cast, count: number): Promise<{ readonly phones: readonly Party[]; readonly ends: { readonly name: string; readonly at: number }[] }> {
  const phones: Party[] = [];
  const ends: { name: string; at: number }[] = [];
  for (let at = 0; at < count; at += 1) {
    const phone = await company.newClient(`P${at}`);
    if (phone.wire instanceof TcpConnection) void phone.wire.closed.then(() => ends.push({ name: phone.name, at: performance.now() }));
    phones.push(phone);
  }
  return { phones, ends };
}

test("SA-8 a slow drain is as slow as it is told to be, however few connections a shard has, and ends when it has said", async () => {
  const admin = await Admin.choose();
  const company = await cast({ process: true, client: "tcp", settings: { SLUICE_SHARDS: "3", SLUICE_DRAIN_SECONDS: "1", SLUICE_DRAIN_RATE: "2", SLUICE_ADMIN_LISTEN: admin.listen }, own: true });
  // U and U2 have one each.
  const { phones, ends } = await phonesOf(company, 6);
  for (const phone of phones) await phone.settle();
  const begin = performance.now();
  company.SUT.terminate();
  await expect.poll(async () => (await admin.get("/api/drain")).json["drain"], { interval: 20 }).toMatchObject({ connections: 8, seconds: 5 });
  expect(await company.SUT.exited()).toBe(0);
  // Its first second is for requests. Each shard closes one at once, and the others at their share of the rate.
  expect(performance.now() - begin).toBeLessThan(5_000 + 2_500);
  expect(ends).toHaveLength(6);
  expect((ends[5]?.at ?? 0) - (ends[0]?.at ?? 0)).toBeGreaterThan(1_500);
});

test("SA-8 a drain closes those first that have been silent for longest, and one that waits for an answer last", async () => {
  const company = await cast({ process: true, client: "tcp", settings: { SLUICE_SHARDS: "1", SLUICE_DRAIN_SECONDS: "2", SLUICE_DRAIN_RATE: "5" }, own: true });
  const { C, SUT } = company;
  const { phones, ends } = await phonesOf(company, 5);
  const [first] = phones;
  await first?.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:P0@192.0.2.1>");
  await C.request("INVITE");
  for (const at of [3, 1, 4, 2]) {
    // Silence is counted in tenths of a second.
    await sleep(250);
    await phones[at]?.settle();
  }
  SUT.terminate();
  await C.reply("180 Ringing");
  expect(await SUT.exited()).toBe(0);
  expect(ends.map(({ name }) => name)).toEqual(["P3", "P1", "P4", "P2", "P0"]);
});

test("SA-8 an emergency passes an edge that drains: a call to urn:service:sos, a registration with sos, and what the policy names", async () => {
  const admin = await Admin.choose();
  const policy = fileURLToPath(new URL("policies/tenant.mjs", import.meta.url));
  const { U, U2, C } = await cast({ client: "tcp", settings: { SLUICE_DRAIN_SECONDS: "600", SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_POLICY: policy }, own: true });
  // It holds the drain up.
  await U2.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U2@192.0.2.1>");
  await C.request("INVITE");
  const held = C.last;
  await C.reply("180 Ringing");
  await U2.response(180);
  await admin.ask("POST", "/api/drain", { action: "start" });
  await expect.poll(async () => (await admin.get("/api/status")).json["state"]).toBe("draining");
  for (const to of ["urn:service:counseling", "urn:service:sosx", "sip:bob@example.com"]) {
    await U.say(`INVITE ${to} SIP/2.0\nTo: <${to}>\nContact: <sip:U@192.0.2.1>`);
    await U.response(503);
  }
  for (const [method, uri, parameter, header] of [
    ["INVITE", "urn:service:sos", "", ""],
    ["INVITE", "URN:Service:SOS.fire", "", ""],
    ["INVITE", "sip:bob@example.com", "", "\nX-Alarm: yes"],
    ["REGISTER", "sip:example.com", ";sos", ""],
  ] as const) {
    await U.say(`${method} ${uri} SIP/2.0\nCall-ID: ${uri}\nContact: <sip:U@192.0.2.1${parameter}>${header}`);
    expect((await C.request(method)).startLine).toBe(`${method} ${uri} SIP/2.0`);
    await C.reply("200 OK", `Contact: <sip:C@${C.at}>`);
    await U.response(200);
  }
  await admin.ask("POST", "/api/drain", { action: "stop" });
  await C.reply("486 Busy Here", "", held);
  await U2.response(486);
});

test.each(["on", "off"])("SA-8 what the hook isUrgent names passes a home server that drains, and nothing else is shown to it; fast path %s", async (fastPath) => {
  const admin = await Admin.choose();
  const home = await Home.start({ SLUICE_DRAIN_SECONDS: "600", SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_FAST_PATH: fastPath, SLUICE_POLICY: fileURLToPath(new URL("policies/alarm.mjs", import.meta.url)) });
  const [A, bob] = [await home.phone("A"), await home.phone("bob")];
  await home.register(bob);
  const say = (method: string, lines: string): Promise<unknown> => A.say(`${method} sip:bob@example.com SIP/2.0\nTo: <sip:bob@example.com>\nCall-ID: ${method}${lines}@${home.scene}\nContact: <sip:A@${A.at}>${lines}`);
  // It holds the drain up.
  await say("INVITE", "\nX-Faulty: yes");
  await bob.request("INVITE");
  const held = bob.last;
  await bob.reply("180 Ringing");
  await A.response(180);
  await admin.ask("POST", "/api/drain", { action: "start" });
  await expect.poll(async () => (await admin.get("/api/status")).json["state"]).toBe("draining");
  await say("MESSAGE", "");
  await A.response(503);
  await say("MESSAGE", "\nX-Faulty: yes");
  await A.response(500);
  await say("MESSAGE", "\nX-Alarm: yes");
  await bob.request("MESSAGE");
  await bob.reply("200 OK");
  await A.response(200);
  await A.say(`REGISTER sip:example.com SIP/2.0\nFrom: <sip:A@example.com>;tag=a\nTo: <sip:A@example.com>\nContact: <sip:A@${A.at}>\nX-Alarm: yes`);
  await A.response(200);
  await admin.ask("POST", "/api/drain", { action: "stop" });
  await bob.reply("486 Busy Here", "", held);
  await A.response(486);
});

test("a home server has no other hook: a module with one stops the start with one line", async () => {
  const policy = fileURLToPath(new URL("policies/tenant.mjs", import.meta.url));
  const server = Edge.launch({ SLUICE_MODE: "standalone", SLUICE_LISTEN: `udp:127.0.0.1:${await freePort()}`, SLUICE_POLICY: policy });
  onTestFinished(() => server.stop());
  expect(await server.exited()).not.toBe(0);
  expect(server.output).toContain("SLUICE_POLICY: the hook allow is for an edge");
});
