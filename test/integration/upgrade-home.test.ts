/** A new process takes over from a running registrar or standalone server: flows, bindings, logins and calls that are being set up. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import type { Settings } from "../support/edge.js";
import { homeWithPhones } from "../support/every-transport.js";
import { Installation } from "../support/installation.js";
import type { Party } from "../support/party.js";
import { RedisServer } from "../support/redis-server.js";
import type { SipMessage } from "../support/sip-message.js";
import { upgraded } from "../support/upgrading.js";

const LIMIT = { timeout: 120_000 };

function invite(user: string, callId: string, at: string): string {
  return `INVITE sip:${user}@example.com SIP/2.0\nCall-ID: ${callId}\nContact: <sip:A@${at}>`;
}

function inDialog(method: string, uri: string, callId: string, cseq: number, tag: string, route: readonly string[]): string {
  return `${method} ${uri} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=${tag}\nCSeq: ${cseq} ${method}\nRoute: ${route.join(", ")}`;
}

interface Call {
  readonly caller: Party;
  readonly phone: Party;
  readonly callId: string;
  /** As the callee has them; the caller's are the reverse. */
  readonly recorded: readonly string[];
}

/** The phone rings. */
async function ring(caller: Party, phone: Party, callId: string): Promise<Call> {
  await caller.say(invite(phone.name, callId, caller.at));
  const copy = await phone.request("INVITE");
  await phone.reply("180 Ringing");
  await caller.response(180);
  return { caller, phone, callId, recorded: copy.all("Record-Route") };
}

/** And is answered. */
async function pickUp({ caller, phone, callId, recorded }: Call): Promise<void> {
  await phone.reply("200 OK", `Contact: <sip:${phone.name}@${phone.at}>`);
  await caller.response(200);
  await caller.say(inDialog("ACK", `sip:${phone.name}@${phone.at}`, callId, 1, phone.name, [...recorded].reverse()));
  await phone.request("ACK");
}

async function hangUp({ caller, phone, callId, recorded }: Call, isCaller: boolean): Promise<void> {
  const [from, to, route] = isCaller ? [caller, phone, [...recorded].reverse()] : [phone, caller, recorded];
  await from.say(inDialog("BYE", `sip:${to.name}@${to.at}`, callId, 9, to.name, route));
  await to.request("BYE");
  await to.reply("200 OK");
  await from.response(200);
}

const WAYS: readonly (readonly [string, number, () => Promise<Settings>])[] = [
  ["two upgrades", 2, () => Promise.resolve({})],
  ["an upgrade on the object path", 1, () => Promise.resolve({ SLUICE_FAST_PATH: "off" })],
  ["an upgrade with Redis", 1, redisSettings],
];

async function redisSettings(): Promise<Settings> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  return { SLUICE_LOCATION: redis.url };
}

test.each(WAYS)("phones over every transport keep flows, bindings and calls through %s; what rings goes on ringing and is answered", LIMIT, async (_, upgrades, more) => {
  const { home, phones } = await homeWithPhones(await more());
  const A = await home.phone("A");
  for (let round = 0; round < upgrades; round += 1) {
    const up: Call[] = [];
    for (const phone of phones) {
      const call = await ring(A, phone, `up-${round}-${phone.name}@${home.scene}`);
      await pickUp(call);
      up.push(call);
    }
    const ringing: Call[] = [];
    for (const phone of phones) ringing.push(await ring(A, phone, `rings-${round}-${phone.name}@${home.scene}`));
    await upgraded(home.server);
    for (const call of ringing) await pickUp(call);
    for (const [at, call] of [...up, ...ringing].entries()) await hangUp(call, at % 2 === 0);
    // Tokens and bindings are those of before, and refreshes are taken.
    for (const phone of phones) await home.register(phone, { instance: instanceOf(phone.name) });
  }
  for (const phone of phones) expect(phone.wire.isOpen).toBe(true);
});

test("a call that rings at two devices goes on: one answers, the other gets a CANCEL; another is cancelled by its caller", LIMIT, async () => {
  const home = await Home.spawn({ SLUICE_SHARDS: "2" });
  const phones: Party[] = [];
  for (const transport of ["udp", "tcp"] as const) {
    const phone = await home.phone(`P-${transport}`, transport);
    await home.register(phone, { user: "bob", instance: instanceOf(phone.name) });
    phones.push(phone);
  }
  const [P1 = expect.unreachable(), P2 = expect.unreachable()] = phones;
  const [A, B] = [await home.phone("A"), await home.phone("B", "tcp")];
  const rings = async (caller: Party): Promise<SipMessage> => {
    const sent = await caller.say(invite("bob", `fork-${caller.name}@${home.scene}`, caller.at));
    for (const phone of phones) await phone.request("INVITE");
    await P1.reply("180 Ringing");
    await caller.response(180);
    await P2.reply("180 Ringing");
    await caller.response(180);
    return sent;
  };
  await rings(A);
  const atP1 = P1.last;
  const sent = await rings(B);
  await upgraded(home.server);
  await P1.reply("200 OK", `Contact: <sip:P1@${P1.at}>`, atP1);
  await A.response(200);
  expect((await P2.request("CANCEL")).header("Reason")).toContain("Call completed elsewhere");
  await P2.reply("200 OK");
  await B.say(`CANCEL sip:bob@example.com SIP/2.0\nCall-ID: fork-B@${home.scene}\nVia: ${sent.header("Via")}`);
  await B.response(200);
  for (const phone of phones) {
    await phone.request("CANCEL");
    await phone.reply("200 OK");
  }
});

test("a version of before gets what it can read: of two devices that ring one goes on there, the other gets a CANCEL; then forward again", LIMIT, async () => {
  const installation = new Installation();
  // On the object path both devices would go on ringing.
  const home = await Home.open({ SLUICE_SHARDS: "2", SLUICE_FAST_PATH: "on" }, undefined, installation.program);
  onTestFinished(() => home.close());
  const phones: Party[] = [];
  // What is sent to the first one must not come twice.
  for (const transport of ["tcp", "udp"] as const) {
    const phone = await home.phone(`P-${transport}`, transport);
    await home.register(phone, { user: "bob", instance: instanceOf(phone.name) });
    phones.push(phone);
  }
  const [first = expect.unreachable(), second = expect.unreachable()] = phones;
  const A = await home.phone("A");
  await A.say(invite("bob", `back@${home.scene}`, A.at));
  for (const phone of phones) {
    await phone.request("INVITE");
    await phone.reply("180 Ringing");
    await A.response(180);
  }
  const [atFirst, atSecond] = [first.last, second.last];
  installation.earlier();
  await upgraded(home.server);
  expect(home.server.output).toContain("is of an earlier version");
  // The one that has registered last is asked first.
  await first.request("CANCEL");
  await first.reply("200 OK");
  await first.reply("487 Request Terminated", "", atFirst);
  await first.request("ACK");
  await second.reply("200 OK", `Contact: <sip:P2@${second.at}>`, atSecond);
  await A.response(200);
  installation.restore();
  await upgraded(home.server);
  for (const phone of phones) await home.register(phone, { user: "bob", instance: instanceOf(phone.name) });
});

test("registrations that the new process has answered outlive its death: the old one goes on with them", LIMIT, async () => {
  const admin = await Admin.choose();
  const home = await Home.spawn({ SLUICE_ADMIN_LISTEN: admin.listen });
  const [early, late, A] = [await home.phone("early", "tcp"), await home.phone("late", "tcp"), await home.phone("A")];
  await home.register(early, { instance: instanceOf("early") });
  const { status, json } = await admin.ask("POST", "/api/upgrade", {});
  expect(status).toBe(200);
  await home.register(late, { instance: instanceOf("late") });
  process.kill(Number(json["pid"]), "SIGKILL");
  await expect.poll(() => home.server.output).toContain("the process that took over has died");
  for (const phone of [early, late]) {
    const call = await ring(A, phone, `call-${phone.name}@${home.scene}`);
    await pickUp(call);
    await hangUp(call, true);
  }
  // And the next one reads what both of them have written.
  await expect.poll(async () => (await admin.ask("POST", "/api/upgrade", {})).status, { timeout: 60_000 }).toBe(200);
  for (const phone of [early, late]) {
    const call = await ring(A, phone, `again-${phone.name}@${home.scene}`);
    await pickUp(call);
    await hangUp(call, false);
  }
});

test("AU-9 a nonce is good in the process that takes over, but each of its counts only once, whoever has seen it", LIMIT, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users");
  writeFileSync(file, `bob:${DOMAIN}:${hashOf("SHA-256", `bob:${DOMAIN}:secret`)}\n`);
  const home = await Home.spawn({ SLUICE_AUTH: `file:${file}` });
  const bob = await home.phone("bob", "tcp");
  const request = home.registerOf(bob, { instance: instanceOf("bob") });
  await bob.say(request);
  const challenge = readChallenge((await bob.response(401)).header("WWW-Authenticate"));
  const login = (nc: number): string => authorization(challenge, { user: "bob", password: "secret", method: "REGISTER", uri: `sip:${DOMAIN}`, nc });
  await bob.say(`${request}\nAuthorization: ${login(1)}\nCSeq: 2 REGISTER`);
  await bob.response(200);
  await upgraded(home.server);
  await bob.say(`${request}\nAuthorization: ${login(1)}\nCSeq: 3 REGISTER`);
  expect((await bob.response(401)).header("WWW-Authenticate")).toContain("stale=true");
  await bob.say(`${request}\nAuthorization: ${login(2)}\nCSeq: 4 REGISTER`);
  await bob.response(200);
});
