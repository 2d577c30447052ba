/** Malicious REGISTERs: the right error, bounded memory, and everyone else served as usual. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Asker, manyTimes } from "../support/asker.js";
import { often } from "../support/often.js";
import { authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import { metric } from "../support/crowd.js";
import { freePort, hostPort } from "../support/ports.js";
import { complete } from "../support/sip-text.js";
import { residentOctets } from "../support/processes.js";

const AT_ONCE = 64;
const MEGABYTE = 1 << 20;

async function asked(home: Home): Promise<Asker> {
  const asker = await Asker.open(home.scene);
  onTestFinished(() => asker.close());
  return asker;
}

let requests = 0;

function register(user: string, lines: string): string {
  requests += 1;
  const address = `<sip:${user}@${DOMAIN}>`;
  return `REGISTER sip:${DOMAIN} SIP/2.0\nFrom: ${address};tag=h\nTo: ${address}\nCall-ID: hostile-${requests}\n${lines}`;
}

test("REG-24 TR-19 50, 200 and 10,000 Contacts in one REGISTER: 403, 400 and 513, nothing is stored, and the next phone is served", async () => {
  const home = await Home.spawn();
  const answerTo = async (count: number): Promise<number> => {
    const mallory = await home.phone("mallory", "tcp");
    const contacts = Array.from({ length: count }, (_, at) => `<sip:${at}@192.0.2.7>`).join(",");
    await mallory.say(register("mallory", `Contact: ${contacts}`));
    return (await mallory.next()).status;
  };
  // More than an address may have, more than we read, more than a message may contain.
  expect(await answerTo(50)).toBe(403);
  expect(await answerTo(200)).toBe(400);
  expect(await answerTo(10_000)).toBe(513);
  const bob = await home.phone("bob", "tcp");
  await home.register(bob, { instance: instanceOf("bob") });
  expect(await home.contactsOf(bob, "mallory")).toEqual([]);
});

test("REG-24 OB-6-33 thousands of registrations of one address: as many as allowed, 403 for the rest, others as usual", { timeout: 120_000 }, async () => {
  const home = await Home.spawn({ SLUICE_MAX_CONTACTS: "10", SLUICE_MAX_PENDING: "500" });
  const asker = await asked(home);
  await asker.ask(register("bob", "Contact: <sip:bob@192.0.2.1>"), home.port);
  const counts = new Map<number, number>();
  const before = residentOctets(home.server.pid);
  await manyTimes(often(10_000), AT_ONCE, async (at) => {
    const answer = await asker.ask(register("mallory", `Contact: <sip:m${at}@192.0.2.7>`), home.port);
    counts.set(answer?.status ?? 0, (counts.get(answer?.status ?? 0) ?? 0) + 1);
  });
  // SLUICE_MAX_PENDING counts unanswered requests: responses kept for retransmissions do not make anyone be refused.
  expect(Object.fromEntries(counts)).toEqual({ 200: 10, 403: often(10_000) - 10 });
  expect(residentOctets(home.server.pid) - before).toBeLessThan(150 * MEGABYTE);
  const phone = await home.phone("asker");
  expect(await home.contactsOf(phone, "mallory")).toHaveLength(10);
  expect(await home.contactsOf(phone, "bob")).toHaveLength(1);
});

test("OB-12-6 PATH-5.3-1 a thousand forged Paths get 403 each, and no calls are diverted", async () => {
  const home = await Home.spawn({ SLUICE_EDGES: "127.0.0.2" });
  const asker = await asked(home);
  const bob = await home.phone("bob", "tcp");
  await home.register(bob, { instance: instanceOf("bob") });
  const statuses = new Set<number | undefined>();
  // Fewer in a second than a source's share of the object path, which a slow machine would refuse more of.
  for (let batch = 0; batch < 5; batch += 1) {
    await manyTimes(200, AT_ONCE, async () => {
      const stolen = `Path: <sip:stolen@${asker.at};lr;ob>\nSupported: path, outbound\nContact: <sip:bob@192.0.2.7>;reg-id=1;+sip.instance="<${instanceOf("bob")}>"`;
      statuses.add((await asker.ask(register("bob", stolen), home.port))?.status);
    });
    await sleep(500);
  }
  expect([...statuses]).toEqual([403]);
  const caller = await home.phone("caller");
  await caller.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:caller@192.0.2.1>");
  await bob.request("INVITE");
});

test("AU-1 AU-17 thousands of wrong credentials: 401 each, for existing and other users alike, until the source is blocked", { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const users = join(folder, "users");
  writeFileSync(users, `bob:${DOMAIN}:${hashOf("SHA-256", `bob:${DOMAIN}:secret`)}\n`);
  const home = await Home.spawn({ SLUICE_AUTH: `file:${users}` });
  const asker = await asked(home);
  const challenge = async (): Promise<string> => (await asker.ask(register("bob", "Contact: <sip:bob@192.0.2.1>"), home.port))?.header("WWW-Authenticate") ?? "";
  const with_ = (header: string, user: string, password: string, nc: number): string =>
    `Contact: <sip:${user}@192.0.2.1>\nAuthorization: ${authorization(readChallenge(header), { user, password, method: "REGISTER", uri: `sip:${DOMAIN}`, nc })}`;
  const first = await challenge();
  const before = residentOctets(home.server.pid);
  const answers = new Set<string>();
  await manyTimes(often(5_000), AT_ONCE, async (at) => {
    const user = at % 2 === 0 ? "bob" : `nobody${at}`;
    const answer = await asker.ask(register(user, with_(first, user, `guess-${at}`, at + 1)), home.port);
    answers.add(`${answer?.startLine} ${answer?.all("WWW-Authenticate").length}`);
  });
  // No response reveals whether a user exists; persistent guessers are blocked.
  expect([...answers].sort()).toEqual(["SIP/2.0 401 Unauthorized 1", "SIP/2.0 503 Service Unavailable 0"]);
  expect(residentOctets(home.server.pid) - before).toBeLessThan(100 * MEGABYTE);
  const right = await asker.ask(register("bob", with_(first, "bob", "secret", 9_999)), home.port);
  expect(right?.status).toBe(503);
});

test("TR-27 a source that floods a home with what only objects can refuse gets 503 for most of it; a phone beside it gets every answer", { timeout: 60_000 }, async () => {
  const admin = await freePort();
  const home = await Home.spawn({ SLUICE_ADMIN_LISTEN: hostPort("127.0.0.1", admin) });
  const hostile = createSocket("udp4");
  const good = await Asker.open(home.scene, "127.0.0.3");
  hostile.bind(0, "127.0.0.2");
  await once(hostile, "listening");
  onTestFinished(async () => {
    hostile.close();
    await good.close();
  });
  // A reg-id of 0, a Path from somebody who is no edge, and an extension that nobody here has heard of.
  const refused = [
    `Contact: <sip:m@192.0.2.7>;reg-id=0;+sip.instance="<${instanceOf("mallory")}>"`,
    "Path: <sip:stolen@192.0.2.8;lr;ob>\nSupported: path, outbound\nContact: <sip:m@192.0.2.7>",
    "Require: nonsense\nContact: <sip:m@192.0.2.7>",
  ];
  const sender = { transport: "udp", at: hostPort("127.0.0.2", hostile.address().port), name: "mallory", scene: home.scene } as const;
  let isOver = false;
  const flood = async (): Promise<void> => {
    for (let at = 0; !isOver; at += 1) {
      hostile.send(complete(register("mallory", refused[at % refused.length] ?? ""), sender), home.port, "127.0.0.1");
      // Some 15,000 a second: more than objects can answer, less than makes the kernel drop what others send.
      if (at % 50 === 49) await sleep(3);
    }
  };
  const flooding = flood();
  // What numbers decide, and what takes the same path as the flood.
  const answers = new Set<number | undefined>();
  let tries = 0;
  for (; tries < 2_000 && (tries < 50 || (await metric(admin, "object_requests_refused_total")) < 1_000); tries += 1) {
    answers.add((await good.ask(register(`bob${tries}`, "Contact: <sip:bob@192.0.2.1>"), home.port))?.status);
    answers.add((await good.ask(register(`bob${tries}`, ""), home.port))?.status);
  }
  isOver = true;
  await flooding;
  expect([...answers]).toEqual([200]);
  expect(tries).toBeLessThan(2_000);
});
