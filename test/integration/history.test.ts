/** What happened yesterday: by the command, over HTTP and live, from an edge and from a registrar; nothing of it is lost with a restart. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { HistoryEvent } from "../../src/history/event.js";
import { answerChallenge } from "../../src/phone/digest.js";
import { Admin } from "../support/admin.js";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { Running, sluiceWithin } from "../support/command.js";
import { DOMAIN, Home } from "../support/home.js";
import type { Party } from "../support/party.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";

async function events(admin: Admin, query: Record<string, string> = {}): Promise<readonly HistoryEvent[]> {
  const { status, json, text } = await admin.get(`/api/history?${new URLSearchParams(query).toString()}`);
  expect(status, text).toBe(200);
  return json["rows"] as readonly HistoryEvent[];
}

const kinds = (rows: readonly HistoryEvent[]): readonly string[] => rows.map(({ kind }) => kind).reverse();

test("an edge knows who registered, whose flow died and why, which call failed and who said so, what was banned, and when it started", async () => {
  const admin = await Admin.choose();
  const company = await cast({ process: true, client: "tcp", own: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2" } });
  const { U, C, SUT } = company;
  const live: HistoryEvent[] = [];
  const socket = new WebSocket(`ws://${admin.listen}/live`);
  onTestFinished(() => socket.close());
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { kind: string; events?: HistoryEvent[] };
    if (message.kind === "events") live.push(...(message.events ?? []));
  });
  await new Promise((resolve) => socket.once("open", resolve));
  await register(U, C);
  // A refresh over the same flow.
  await register(U, C);
  const aor = "sip:somebody@example.com";
  await expect.poll(async () => kinds(await events(admin, { q: aor }))).toEqual(["registered"]);
  await U.say(`INVITE sip:bob@example.com SIP/2.0\nCall-ID: failing@${U.scene}`);
  await C.request("INVITE");
  await C.reply("486 Busy Here", 'Reason: Q.850;cause=17;text="busy"');
  await U.response(486);
  await U.say(`INVITE sip:bob@example.com SIP/2.0\nCall-ID: challenged@${U.scene}`);
  await C.request("INVITE");
  await C.reply("407 Proxy Authentication Required");
  await U.response(407);
  const failed = async (): Promise<readonly HistoryEvent[]> => events(admin, { kind: "call-failed" });
  await expect.poll(async () => (await failed()).length).toBe(1);
  expect((await failed())[0]).toMatchObject({ status: 486, reason: "Busy Here", hop: C.at, callId: `failing@${U.scene}`, why: 'Q.850;cause=17;text="busy"' });
  expect(await events(admin, { q: `failing@${U.scene}` })).toHaveLength(1);
  await U.close();
  // The call was to that address.
  await expect.poll(async () => kinds(await events(admin, { q: aor }))).toEqual(["registered", "call-failed", "flow-dead"]);
  const [dead] = await events(admin, { q: aor, kind: "flow-dead" });
  expect(dead).toMatchObject({ aor, why: "closed by the peer or the network", address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string });
  await admin.ask("POST", "/api/bans", { address: "198.51.100.9", seconds: 60 });
  await admin.ask("DELETE", "/api/bans/198.51.100.9");
  await expect.poll(async () => kinds(await events(admin, { q: "198.51.100.9" }))).toEqual(["banned", "ban-ended"]);
  await expect.poll(() => live.map(({ kind }) => kind)).toEqual(["registered", "call-failed", "flow-dead", "banned", "ban-ended"]);
  expect(live).toEqual((await events(admin)).slice(0, live.length).reverse());

  const env = { SLUICE_ADMIN_LISTEN: admin.listen };
  const { out } = await sluiceWithin(["history", `failing@${U.scene}`], env);
  expect(out).toContain(`486 Busy Here from ${C.at}, Q.850;cause=17;text="busy", Call-ID failing@${U.scene}`);
  const all = JSON.parse((await sluiceWithin(["history", "--json", "--limit", "2"], env)).out) as { rows: HistoryEvent[]; next: string };
  expect(all.rows).toHaveLength(2);
  const rest = JSON.parse((await sluiceWithin(["history", "--json", "--next", all.next], env)).out) as { rows: HistoryEvent[]; next: string };
  expect([...all.rows, ...rest.rows]).toEqual(await events(admin));
  expect(rest.next).toBe("");
  expect((await sluiceWithin(["history", "--to", "1h"], env)).code).toBe(3);
  expect((await sluiceWithin(["history", "--from", "90m", "somebody@example.com"], env)).code).toBe(0);
  for (const wrong of [["--from", "yesterday"], ["--kind", "colour"], ["--follow", "--kind", "colour"], ["--next", "x"]]) expect((await sluiceWithin(["history", ...wrong], env)).code, wrong.join(" ")).toBe(2);

  // As it happens, without the dashboard; until it listens, what happens is not for it.
  const following = new Running(["history", "--follow", "--json", "--kind", "banned"], env);
  onTestFinished(() => void following.process.kill("SIGKILL"));
  await expect.poll(async () => {
    await admin.ask("POST", "/api/bans", { address: "198.51.100.8", seconds: 60 });
    return following.out;
  }, { interval: 200 }).toContain('"address":"198.51.100.8"');
  expect(following.out.trimEnd().split("\n").map((line) => (JSON.parse(line) as HistoryEvent).kind)).toEqual(expect.arrayContaining(["banned"]));
  following.process.kill("SIGTERM");
  expect((await following.ended()).code).toBe(0);
  // Nobody is there any more: the kernel says so when the next request is sent.
  await C.close();
  const U2 = await company.newClient("late", "tcp");
  await expect.poll(async () => {
    await U2.say(`MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: down-${Math.random()}@${U2.scene}`);
    return kinds(await events(admin, { q: C.at }));
  }).toContain("upstream-down");
  U2.leave();

  // Killed, it begins where it was, with everything that was there.
  const before = await events(admin);
  await SUT.kill();
  await SUT.restart();
  const after = await events(admin);
  expect(after.slice(1)).toEqual(before);
  expect(after[0]).toMatchObject({ kind: "started", why: expect.stringContaining("kill -9") as string });
  expect(kinds(after)[0]).toBe("started");
  const { text } = await admin.get("/metrics");
  expect(text).toMatch(/^sluice_history_events_total\{kind="started"\} 1$/m);
  expect(text).toMatch(/^sluice_history_up 1$/m);
  expect(Number(/^sluice_history_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(500);
  await company.reconnect(U);
});

test("a registrar knows who registered, moved, expired, left or was removed, and which of its answers ended a call", async () => {
  const admin = await Admin.choose();
  const home = await Home.start({ SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_SHARDS: "2", SLUICE_MIN_EXPIRES: "1", SLUICE_EXPIRES_JITTER: "0" });
  const phone = await home.phone("alice", "tcp");
  const of = async (user: string): Promise<readonly HistoryEvent[]> => events(admin, { q: `${user}@example.com` });
  const instance = "urn:uuid:00000000-0000-1000-8000-0000000000AA";
  await home.register(phone, { user: "alice", instance, regId: 1 });
  await home.register(phone, { user: "alice", instance, regId: 1 });
  await expect.poll(async () => kinds(await of("alice"))).toEqual(["registered"]);
  expect((await of("alice"))[0]).toMatchObject({ aor: "sip:alice@example.com", instance: expect.stringMatching(/aa$/i) as string, regId: 1 });
  const again = await home.phone("alice-again", "tcp");
  await home.register(again, { user: "alice", instance, regId: 1 });
  await expect.poll(async () => kinds(await of("alice"))).toEqual(["registered", "moved"]);
  await again.close();
  await expect.poll(async () => kinds(await of("alice")).slice(2).sort()).toEqual(["flow-dead", "removed"]);
  // The first flow is not alice's any longer.
  await home.register(phone, { user: "bob", expires: 1, contact: "sip:bob@192.0.2.1" });
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await home.register(phone, { user: "bob", contact: "sip:bob@192.0.2.1" });
  await expect.poll(async () => kinds(await of("bob"))).toEqual(["registered", "expired", "registered"]);
  await home.register(phone, { user: "carol", contact: "sip:carol@192.0.2.1" });
  await home.register(phone, { user: "carol", contact: "sip:carol@192.0.2.1", expires: 0 });
  await expect.poll(async () => (await of("carol")).map(({ kind, why }) => `${kind} ${why ?? ""}`).reverse()).toEqual(["registered ", "removed the client unregistered"]);
  await admin.ask("DELETE", "/api/bindings/bob@example.com");
  await expect.poll(async () => (await of("bob"))[0]?.why).toBe("the operator removed it");
  // A call that the callee declines, and one to nobody.
  const callee = await home.phone("dave", "tcp");
  await home.register(callee, { user: "dave", instance: "urn:uuid:00000000-0000-1000-8000-0000000000DD", regId: 1 });
  await phone.say(`INVITE sip:dave@example.com SIP/2.0\nTo: <sip:dave@example.com>\nCall-ID: declined@${home.scene}`);
  await callee.request("INVITE");
  await callee.reply("603 Decline");
  await phone.response(603);
  await phone.say(`INVITE sip:nobody@example.com SIP/2.0\nTo: <sip:nobody@example.com>\nCall-ID: lost@${home.scene}`);
  await expect.poll(async () => events(admin, { kind: "call-failed" })).toHaveLength(2);
  const failed = await events(admin, { kind: "call-failed" });
  expect(failed.find(({ callId }) => callId === `declined@${home.scene}`)).toMatchObject({ status: 603, hop: callee.at, to: "sip:dave@example.com" });
  expect(failed.find(({ callId }) => callId === `lost@${home.scene}`)).toMatchObject({ hop: "sluice", address: phone.at, to: "sip:nobody@example.com" });
  const { text } = await admin.get("/metrics");
  expect(text).toMatch(/^sluice_calls_total\{outcome="declined"\} [12]$/m);
  expect(Number(/^sluice_registrations_total\{outcome="accepted"\} (\d+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(8);
  expect(Number(/^sluice_message_seconds_count (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(10);
});

test("a full disk is seen and costs the history only; without a history there is none", async () => {
  const admin = await Admin.choose();
  const company = await cast({ process: true, client: "tcp", own: true, settings: { SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_HISTORY_MEGABYTES: "1" } });
  const { U, C, SUT } = company;
  await SUT.kill();
  const folder = join(SUT.stateDir, "history");
  mkdirSync(folder, { recursive: true });
  symlinkSync("/dev/full", join(folder, "00000009.jsonl"));
  await SUT.restart();
  await company.reconnect(U);
  await register(U, C);
  await expect.poll(async () => (await admin.get("/metrics")).text).toMatch(/^sluice_history_up 0$/m);
  expect((await admin.get("/readyz")).status).toBe(200);
  expect(SUT.output).toContain("the history cannot be written");
  unlinkSync(join(folder, "00000009.jsonl"));
  await expect.poll(async () => kinds(await events(admin, { q: "somebody@example.com" })), { timeout: 20_000 }).toEqual(["registered"]);

  const off = await Admin.choose();
  await cast({ own: true, settings: { SLUICE_ADMIN_LISTEN: off.listen, SLUICE_HISTORY_MEGABYTES: "0" } });
  expect(await off.get("/api/history")).toMatchObject({ status: 409, json: { error: expect.stringContaining("SLUICE_HISTORY_MEGABYTES") as string } });
});

testWith("redis-server")("with Redis each registrar knows what was done through it; and a failed login is kept with its source", async () => {
  const admin = await Admin.choose();
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const folder = mkdtempSync(join(tmpdir(), "sluice-history-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const users = join(folder, "users");
  writeFileSync(users, ["alice", "bob"].map((user) => `${user}:${DOMAIN}:${createHash("sha256").update(`${user}:${DOMAIN}:secret`).digest("hex")}\n`).join(""));
  const home = await Home.start({ SLUICE_ADMIN_LISTEN: admin.listen, SLUICE_LOCATION: redis.url, SLUICE_AUTH: `file:${users}` });
  let count = 0;
  const register = async (party: Party, password: string, expires = 600): Promise<void> => {
    const ask = (authorization = ""): Promise<unknown> =>
      party.say(`REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:alice@${DOMAIN}>;tag=a\nTo: <sip:alice@${DOMAIN}>\nCall-ID: one@${home.scene}\nCSeq: ${(count += 1)} REGISTER\nContact: <sip:alice@192.0.2.1>;expires=${expires}${authorization}`);
    await ask();
    const challenge = (await party.response(401)).header("WWW-Authenticate");
    await ask(`\nAuthorization: ${answerChallenge(challenge, "REGISTER", `sip:${DOMAIN}`, { user: "alice", password }) ?? ""}`);
    await party.response(password === "secret" ? 200 : 401);
  };
  const [first, second] = [await home.phone("first", "tcp"), await home.phone("second", "tcp")];
  await register(first, "guessed");
  await register(first, "secret");
  await register(first, "secret");
  await register(second, "secret");
  await register(second, "secret", 0);
  const aor = `sip:alice@${DOMAIN}`;
  await expect.poll(async () => kinds(await events(admin, { q: aor }))).toEqual(["login-failed", "registered", "moved", "removed"]);
  await expect.poll(async () => events(admin, { kind: "login-failed" })).toMatchObject([{ address: "127.0.0.1", user: `alice@${DOMAIN}`, why: "password" }]);
});
