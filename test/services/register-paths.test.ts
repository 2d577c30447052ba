/**
 * A REGISTER decided by numbers and one on the object path get the same response and leave the same bindings. Each is sent for two users
 * who differ only in their name and in a header that a registrar ignores and that forces the object path.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { Admin } from "../support/admin.js";
import { authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home } from "../support/home.js";
import { often } from "../support/often.js";
import type { Party } from "../support/party.js";
import { RedisServer } from "../support/redis-server.js";
import { type Random, seeded } from "../support/prng.js";
import type { SipMessage } from "../support/sip-message.js";
import { newBranch } from "../support/sip-text.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");

const STEPS = often(4_000);
/** Means a dialog in a response, nothing in a REGISTER. */
const ODD = "Record-Route: <sip:192.0.2.99;lr>\n";

let home: Home;
let admin: Admin;
let redis: RedisServer;
let nodeOnRedis: { readonly home: Home; readonly admin: Admin };
beforeAll(async () => {
  admin = await Admin.choose();
  home = await opened(admin);
  redis = await RedisServer.start();
  const plane = await Admin.choose();
  nodeOnRedis = { admin: plane, home: await opened(plane, { SLUICE_LOCATION: redis.url }) };
});
afterAll(async () => {
  await home.close();
  await nodeOnRedis.home.close();
  await redis.stop();
});

function opened(plane: Admin, settings: Record<string, string> = {}): Promise<Home> {
  return Home.open({
    SLUICE_EDGES: "127.0.0.2",
    SLUICE_ADMIN_LISTEN: plane.listen,
    SLUICE_SHARDS: "1",
    SLUICE_DOMAINS: `${DOMAIN},alias.example=${DOMAIN}`,
    SLUICE_EXPIRES_JITTER: "0",
    SLUICE_MAX_CONTACTS: "4",
    SLUICE_MAX_FLOWS_PER_INSTANCE: "2",
    SLUICE_FLOW_TIMER: "120",
    ...settings,
  });
}

/** REGISTERs so far, by path. */
async function counted(of = admin): Promise<{ readonly numbers: number; readonly objects: number }> {
  const { text } = await of.get("/metrics");
  const total = (path: string): number => Number(new RegExp(`^sluice_registers_handled_total\\{.*path="${path}".*\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
  return { numbers: total("numbers"), objects: total("objects") };
}

/** Removes what differs between any two responses; the remaining seconds may differ by the time between the two. */
function comparable(answer: SipMessage, user: string): { readonly text: string; readonly expires: readonly number[] } {
  const expires: number[] = [];
  const text = answer.text
    .replace(/temp-gruu="sip:tgruu\.([\w-]+)@/g, (_, sealed: string) => `temp-gruu="${sealed.length} characters@`)
    .replace(/branch=[^;,\s]+/g, "branch=B")
    .replace(/^(To:.*;tag=)\S+/m, "$1T")
    .replace(/^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$/m, "Date: D\r")
    .replaceAll(user, "USER")
    .replace(/;expires=(\d+)/g, (_, seconds: string) => (expires.push(Number(seconds)), ";expires=E"));
  return { text, expires };
}

/** A hash of Redis has no order. */
function inOrder({ text, expires }: ReturnType<typeof comparable>): ReturnType<typeof comparable> {
  const lines = text.split("\r\n");
  const contacts = lines.filter((line) => line.startsWith("Contact: ")).map((line, at) => [line, expires[at] ?? 0] as const).sort();
  let next = 0;
  return { text: lines.map((line) => (line.startsWith("Contact: ") ? (contacts[next++]?.[0] ?? "") : line)).join("\r\n"), expires: contacts.map(([, seconds]) => seconds) };
}

interface Drawn {
  /** With USER as the name. */
  readonly lines: readonly string[];
  readonly cseq: number;
}

const pick = <T>(random: Random, of: readonly [T, ...T[]]): T => of[random(of.length)] ?? of[0];

/** A REGISTER as phones send them, and now and then as they must not. */
function drawn(random: Random, isBehindEdge: boolean, cseq: number): Drawn {
  const device = random(3);
  const hex = pick(random, ["A", "a"]);
  const instance = `+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000000000${hex}${device}>"`.replace(/0([Aa]\d)/, "$1");
  const expires = pick(random, ["", ";expires=600", ";expires=0", ";expires=10", ";expires=x", ";expires=99999999999"]);
  const parameters = pick(random, [
    `;reg-id=${1 + random(3)};${instance}`,
    `;${instance};reg-id=1;audio;video`,
    `;${instance}`,
    "",
    `;reg-id=${1 + random(2)};+sip.instance="<URN:Gsma:imei:A${device}>"`,
    ";reg-id=1",
    ';+sip.foo="a, b;c"',
    `; Reg-ID = 2 ;${instance}; pub-gruu="sip:x@y"`,
  ]);
  const uri = pick(random, [
    `sip:USER@192.0.2.${device}:5062`,
    `sip:USER@192.0.2.${device}:5062;transport=TCP;Line=aB${random(2)};ob`,
    `sip:USER@device${device}.example.net;ob;transport=tcp`,
    `sip:192.0.2.${device};x=1;maddr=192.0.2.9;a`,
    `sip:USER@[2001:DB8::${device}];user=phone`,
    `sip:USER@${DOMAIN}`,
    `sip:US%45R@192.0.2.${device}`,
  ]);
  const contact = pick(random, [`<${uri}>${parameters}${expires}`, `"A, \\"B\\"" <${uri}>${expires}${parameters}`, `<${uri}>${parameters}${expires}`]);
  const path = [
    `Path: <sip:T%6fk${device}@edge.example;lr;OB>`,
    "Path: <sip:one@edge.example;lr>, <sip:two@edge.example;lr;ob>",
    "Path: <sip:one@edge.example;lr;ob>\nPath:  <sip:two@192.0.2.8;lr>",
  ];
  const lines = [
    `To: ${pick(random, ["<sip:USER@example.com>", "USER <sip:USER@EXAMPLE.com.:5060;x=y>", "sip:USER@alias.example"])}`,
    `From: <sip:USER@${DOMAIN}>;tag=${random(9)}`,
    `Call-ID: ${device}${random(2)}@USER`,
    ...(random(9) === 0 ? [] : [`Supported: ${pick(random, ["path, outbound, gruu", "Path,OUTBOUND", "path", "gruu , path", "outbound,gruu"])}`]),
    ...(random(3) === 0 ? [`Expires: ${pick(random, ["60", "0", "3000", "59", "no"])}`] : []),
    ...(random(2) === 0 ? [`User-Agent:  a phone/${device} (USER)`] : []),
    ...(isBehindEdge && random(8) > 0 ? [path[random(path.length)] ?? ""] : []),
    ...(random(12) === 0 ? [pick(random, ["Require: outbound", "Require: unheard-of", "Event: x", "Max-Breadth: 3"])] : []),
    ...(random(20) === 0 ? [`Contact: *\nExpires: 0`] : [`${pick(random, ["Contact", "m"])}: ${contact}`]),
  ];
  return { lines, cseq };
}

function textOf({ lines, cseq }: Drawn, user: string, extra: string, via: string): string {
  const branch = newBranch();
  const requestUri = `sip:${DOMAIN}`;
  return `REGISTER ${requestUri} SIP/2.0\n${via.replaceAll("BRANCH", branch)}\n${lines.join("\n").replaceAll("USER", user)}\n${extra}CSeq: ${cseq} REGISTER`;
}

async function answerTo(party: Party, text: string): Promise<SipMessage> {
  await party.say(text);
  return party.next();
}

test.each([
  ["behind an edge", "embedded"],
  ["over a connection", "embedded"],
  ["behind an edge", "Redis"],
  ["over a connection", "Redis"],
])("%s, %s: both paths give the same response and leave the same bindings", { timeout: 120_000 }, async (way, store) => {
  const isBehindEdge = way === "behind an edge";
  const { home: server, admin: plane } = store === "Redis" ? nodeOnRedis : { home, admin };
  const steps = store === "Redis" ? STEPS / 2 : STEPS;
  const party = isBehindEdge ? await server.edge("E", "127.0.0.2") : await server.phone("P", "tcp");
  const nearest = `Via: SIP/2.0/${isBehindEdge ? "UDP" : "TCP"} ${party.at};branch=BRANCH`;
  const vias = isBehindEdge
    ? [`${nearest};rport\nVia: SIP/2.0/TCP 192.0.2.7:5062;branch=BRANCHx;received=198.51.100.7`, `${nearest};keep, SIP/2.0/WSS gj.invalid;branch=BRANCHx;keep`]
    : [`${nearest};rport;keep`, `Via: SIP/2.0/TCP 10.1.1.1:5060 ;received=1.2.3.4;branch=BRANCH;keep;x=y`, "Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=BRANCH"];
  const seed = isBehindEdge ? 5_626 : 3_261;
  const random = seeded(seed);
  const before = await counted(plane);
  const statuses = new Map<number, number>();
  for (let step = 0; step < steps; step += 1) {
    const who = random(4);
    const register = drawn(random, isBehindEdge, random(4) === 0 ? 1 + random(5) : 10 + step);
    const via = vias[random(vias.length)] ?? nearest;
    const both: { text: string; expires: readonly number[] }[] = [];
    for (const [kind, extra] of [["n", ""], ["o", ODD]] as const) {
      const user = `${kind}${who}${way.length}`;
      const answer = await answerTo(party, textOf(register, user, extra, via));
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      both.push(store === "Redis" ? inOrder(comparable(answer, user)) : comparable(answer, user));
    }
    const [numbers, objects] = both;
    expect(numbers?.text, `seed ${seed}, step ${step}`).toBe(objects?.text);
    numbers?.expires.forEach((seconds, at) => expect(Math.abs(seconds - (objects?.expires[at] ?? -9)), `seed ${seed}, step ${step}`).toBeLessThanOrEqual(2));
  }
  const after = await counted(plane);
  const taken = after.numbers - before.numbers;
  // Else the test would compare the object path with itself.
  expect(taken).toBeGreaterThan(steps / 5);
  expect(taken).toBeLessThanOrEqual(steps);
  expect(after.objects).toBeGreaterThan(before.objects);
  for (const status of isBehindEdge ? [200, 403, 423, 500] : [200, 400, 423, 500]) expect(statuses.get(status) ?? 0, `answers ${status}`).toBeGreaterThan(0);
  if (store === "Redis") expect(await rowsOf("n")).toEqual(await rowsOf("o"));
});

/** What Redis holds of the users of one path, without what differs between any two bindings. */
async function rowsOf(kind: string): Promise<unknown> {
  const client = new Redis(redis.url);
  try {
    const keys = (await client.keys(`sluice:aor:{sip:${kind}*`)).sort();
    const hashes = await Promise.all(keys.map((key) => client.hgetall(key)));
    return hashes.map((hash, at) => {
      const [, user = ""] = /sip:(\w+)@/.exec(keys[at] ?? "") ?? [];
      const shown = (text: string): string => text.replaceAll(user, "USER");
      // An Expires of a long past REGISTER has run out for both, or for one of them a moment later.
      return Object.entries(hash).map(([key, text]) => {
        const row = JSON.parse(shown(text)) as unknown[];
        return [shown(key), row.map((value, field) => (field === 3 || field === 4 ? typeof value : value))];
      }).sort();
    });
  } finally {
    client.disconnect();
  }
}

test.each(["embedded", "Redis"])("TX-8 %s: a retransmission is answered again on the path that answered first, and changes nothing", async (store) => {
  const { home: server, admin: plane } = store === "Redis" ? nodeOnRedis : { home, admin };
  const edge = await server.edge("E2", "127.0.0.2");
  for (const extra of ["", ODD]) {
    const user = extra === "" ? "twice-n" : "twice-o";
    const register = server.registerBehindOf(edge, user, { instance: "urn:uuid:00000000-0000-1000-8000-00000000000b" });
    const before = await counted(plane);
    await edge.say(`${register}\n${extra}CSeq: 7 REGISTER`);
    const { sent } = edge;
    const first = await edge.response(200);
    await edge.send(sent);
    const again = await edge.response(200);
    expect(again.header("To")).toBe(first.header("To"));
    expect(again.all("Contact")).toHaveLength(1);
    // A new request with the same CSeq is out of order.
    await edge.say(`${register}\n${extra}CSeq: 7 REGISTER`.replace(/branch=\w+/, `branch=${newBranch()}`));
    await edge.response(500);
    const after = await counted(plane);
    if (extra === "") expect(after.objects - before.objects).toBe(0);
    else expect(after.numbers - before.numbers).toBe(0);
  }
});

test.each(["embedded", "Redis"])("REG-15 %s: pipelined REGISTERs take effect in order, whichever path they take", async (store) => {
  const phone = await (store === "Redis" ? nodeOnRedis.home : home).phone("inorder", "tcp");
  const head = (cseq: number): string => `REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:inorder@${DOMAIN}>;tag=1\nTo: <sip:inorder@${DOMAIN}>\nCall-ID: in-order\nCSeq: ${cseq} REGISTER\nSupported: path, outbound`;
  const contact = (regId: number): string => `Contact: <sip:inorder@192.0.2.1>;reg-id=${regId};+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000000000c>"`;
  const requests: string[] = [];
  for (const [cseq, lines] of [[1, contact(1)], [2, `${ODD}${contact(2)}`], [3, contact(1)], [4, "Contact: *\nExpires: 0"], [5, contact(2)]] as const) {
    const via = `Via: SIP/2.0/TCP ${phone.at};branch=${newBranch()}`;
    const [first = "", ...rest] = head(cseq).split("\n");
    requests.push([first, via, "Max-Forwards: 70", ...rest, ...lines.split("\n"), "Content-Length: 0", "", ""].join("\r\n"));
  }
  await phone.send(requests.join(""));
  const answers = [];
  for (let count = 0; count < requests.length; count += 1) answers.push(await phone.next());
  const listed = answers.map((answer) => [answer.status, answer.header("CSeq"), answer.all("Contact").map((value) => /reg-id=(\d)/.exec(value)?.[1]).sort().join("")]);
  // Responses may overtake one another, effects may not.
  expect(listed.sort(([, one = ""], [, other = ""]) => (String(one) < String(other) ? -1 : 1))).toEqual([
    [200, "1 REGISTER", "1"],
    [200, "2 REGISTER", "12"],
    [200, "3 REGISTER", "12"],
    [200, "4 REGISTER", ""],
    [200, "5 REGISTER", "2"],
  ]);
});

test("AU-1 AU-2 AU-8 who shows no credentials, or old ones, is challenged by the numbers as by the object path", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users");
  writeFileSync(file, ["MD5", "SHA-256"].map((name) => `bob:${DOMAIN}:${hashOf(name, `bob:${DOMAIN}:secret`)}\n`).join(""));
  const plane = await Admin.choose();
  const server = await Home.start({ SLUICE_AUTH: `file:${file}`, SLUICE_ADMIN_LISTEN: plane.listen, SLUICE_SHARDS: "1" });
  const bob = await server.phone("bob", "tcp");
  const register = (): string => server.registerOf(bob, { user: "bob", instance: "urn:uuid:00000000-0000-1000-8000-00000000000d", contact: "sip:bob@192.0.2.7" });
  const ask = async (lines: string): Promise<SipMessage> => answerTo(bob, `${register()}\n${lines}`.trimEnd());
  const header = `Authorization: ${authorization({ realm: DOMAIN, nonce: "x".repeat(43), algorithm: "MD5", stale: false }, { user: "bob", password: "secret", method: "REGISTER", uri: `sip:${DOMAIN}`, nc: 1 })}\n`;
  const shown = (answer: SipMessage): string => comparable(answer, "bob").text.replace(/nonce="[\w-]{43}"/g, 'nonce="N"').replace(/^(?:Call-ID|CSeq|From): .*\r\n/gm, "");
  for (const lines of ["", header]) {
    const objects = await ask(`${lines}${ODD}`);
    expect(objects.status).toBe(401);
    const before = (await counted(plane)).numbers;
    // Now and then the file is looked at again, by the object path.
    await expect.poll(async () => (shown(await ask(lines)) === shown(objects) ? (await counted(plane)).numbers : before)).toBeGreaterThan(before);
  }
});

test("AU-9 who is known proves himself to the numbers: once with each count, for his own address, and as long as he is a user", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users");
  const write = (...users: string[]): void =>
    writeFileSync(file, users.flatMap((user) => ["MD5", "SHA-256"].map((name) => `${user}:${DOMAIN}:${hashOf(name, `${user}:${DOMAIN}:secret`)}\n`)).join(""));
  write("bob", "alice");
  const plane = await Admin.choose();
  const server = await Home.start({ SLUICE_AUTH: `file:${file}`, SLUICE_ADMIN_LISTEN: plane.listen, SLUICE_SHARDS: "1" });
  const bob = await server.phone("bob", "tcp");
  for (const at of [0, 1]) {
    const register = (user: string, cseq: number): string =>
      server.registerOf(bob, { user, instance: "urn:uuid:00000000-0000-1000-8000-00000000000d", contact: "sip:bob@192.0.2.7" }).replace(/Call-ID: .*/, `Call-ID: digest-${at}-${user}\nCSeq: ${cseq} REGISTER`);
    await bob.say(register("bob", 1));
    const challenge = (await bob.response(401)).all("WWW-Authenticate").map(readChallenge)[at];
    if (challenge === undefined) throw new Error("a challenge for each algorithm");
    let nc = 0;
    const asked = async (user = "bob", password = "secret", count = (nc += 1)): Promise<SipMessage> => {
      const header = authorization(challenge, { user: "bob", password, method: "REGISTER", uri: `sip:${DOMAIN}`, nc: count });
      return answerTo(bob, `${register(user, nc + 1)}\nAuthorization: ${header}`);
    };
    const before = (await counted(plane)).numbers;
    // Now and then the file is looked at again, by the object path.
    await expect.poll(async () => ((await asked()).status === 200 ? (await counted(plane)).numbers - before : -1)).toBeGreaterThanOrEqual(3);
    const replay = await asked("bob", "secret", nc);
    expect([replay.status, replay.all("WWW-Authenticate").every((value) => value.includes("stale=true"))]).toEqual([401, true]);
    expect((await asked("bob", "wrong")).status).toBe(401);
    expect((await asked("alice")).status).toBe(403);
    expect((await asked()).status).toBe(200);
    write("alice");
    await expect.poll(async () => (await asked()).status, { interval: 150 }).toBe(401);
    const { numbers } = await counted(plane);
    expect((await asked()).status).toBe(401);
    expect((await counted(plane)).numbers).toBe(numbers);
    write("bob", "alice");
    await expect.poll(async () => (await asked()).status, { interval: 150 }).toBe(200);
  }
});
