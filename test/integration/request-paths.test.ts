/**
 * A request proxied by numbers, one that objects decide and numbers carry out, and one on the object path look the same to caller and device, and
 * leave the same bindings. Each is sent to three users who differ only in their name, with header fields that a proxy ignores and that choose its path.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import { often } from "../support/often.js";
import type { Party } from "../support/party.js";
import { type Random, seeded } from "../support/prng.js";
import type { SipMessage } from "../support/sip-message.js";

const STEPS = often(60);
/** Means something in a REGISTER alone: objects decide, numbers carry it out. */
const ODD = "Path: <sip:192.0.2.99;lr>";
/** More lines to remove than numbers have places for. */
const MANY = Array.from({ length: 33 }, () => "Service-Route: <sip:192.0.2.98;lr>").join("\n");

let home: Home;
let admin: Admin;
/** An edge with a device behind it, a phone, and a caller of each kind. */
let one: Party;
let phone: Party;
let callers: readonly Party[];
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-callers-"));
  const users = join(folder, "users");
  writeFileSync(users, `carol:${DOMAIN}:${hashOf("MD5", `carol:${DOMAIN}:secret`)}\n`);
  admin = await Admin.choose();
  home = await Home.open({
    SLUICE_EDGES: "127.0.0.2,127.0.0.3",
    SLUICE_ADMIN_LISTEN: admin.listen,
    SLUICE_SHARDS: "1",
    SLUICE_FAILOVER_MS: "300",
    // A silent way gets no second copy before the other one is tried.
    SLUICE_T1_MS: "4000",
  });
  one = await home.edge("E1", "127.0.0.2");
  phone = await home.phone("P", "tcp");
  callers = [await home.phone("A", "udp"), await home.phone("T", "tcp"), await home.edge("E2", "127.0.0.3")];
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await home.close();
});

async function counted(of = admin): Promise<{ readonly numbers: number; readonly objects: number; readonly decided: number }> {
  const { text } = await of.get("/metrics");
  const total = (path: string): number => Number(new RegExp(`^sluice_requests_handled_total\\{.*path="${path}".*\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
  return { numbers: total("numbers"), objects: total("objects"), decided: Number(/^sluice_requests_decided_total\S* (\d+)/m.exec(text)?.[1] ?? 0) };
}

/** Without what differs between any two requests. */
function comparable({ text }: SipMessage, user: string): string {
  return text
    .replaceAll(`${ODD}\r\n`, "")
    .replaceAll("Service-Route: <sip:192.0.2.98;lr>\r\n", "")
    .replaceAll(user, "USER")
    .replace(/branch=[^;,\s]+/g, "branch=B")
    .replace(/tag=[^;,\s]+/g, "tag=T")
    .replace(/sip:[\w-]{30,}@/g, "sip:TOKEN@")
    .replace(/;nb=[^;>]+/g, ";nb=N")
    .replace(/^Call-ID: .*$/m, "Call-ID: C");
}

const pick = <T>(random: Random, of: readonly [T, ...T[]]): T => of[random(of.length)] ?? of[0];

/** What the device does with each copy that it gets, in turn. `silent`: nothing, until the next way is tried. */
type Play = "silent" | readonly string[];

interface Drawn {
  readonly method: string;
  readonly caller: number;
  /** Behind an edge; 0: one phone that is connected here. */
  readonly flows: number;
  readonly lines: readonly string[];
  readonly play: readonly Play[];
  readonly cancels: boolean;
}

function drawn(random: Random): Drawn {
  const method = pick(random, ["INVITE", "MESSAGE", "INVITE", "OPTIONS", "SUBSCRIBE", "INFO", "UNHEARDOF"]);
  const isInvite = method === "INVITE";
  const rings = isInvite ? pick(random, [[], ["180 Ringing"], ["183 Session Progress", "180 Ringing"]]) : [];
  const last = pick(random, ["200 OK", "486 Busy Here", "404 Not Found", "603 Decline", "302 Moved Temporarily", "401 Unauthorized", "407 Proxy Authentication Required", "503 Service Unavailable", "480 Temporarily Unavailable", "430 Flow Failed", "408 Request Timeout"]);
  const flows = random(3);
  const cancels = isInvite && random(4) === 0;
  const first: Play = pick(random, [["430 Flow Failed"], ["408 Request Timeout"], "silent"]);
  const final: Play = cancels ? ["180 Ringing"] : [...rings, last];
  const lines = [
    ...(random(2) === 0 ? ["Contact: <sip:caller@192.0.2.1>"] : []),
    ...(random(3) === 0 ? ["Max-Breadth: 7"] : []),
    ...(random(3) === 0 ? ["P-Asserted-Identity: <sip:king@example.com>", "Flow-Timer: 3"] : []),
    ...(random(3) === 0 ? ["Record-Route: <sip:192.0.2.5;lr>"] : []),
    ...(random(3) === 0 ? ["Timestamp: 54"] : []),
    ...(random(3) === 0 ? ["Max-Forwards: 255"] : []),
    ...(random(3) === 0 ? [`Proxy-Authorization: Digest username="x", realm="${DOMAIN}", nonce="n", uri="sip:x", response="r"`] : []),
  ];
  return { method, caller: random(3), flows, lines, play: flows === 2 && !cancels ? [first, final] : [final], cancels };
}

/** A call from beginning to end: everything that caller and device have seen, and the bindings that are left. */
async function played({ method, caller, flows, lines, play, cancels }: Drawn, user: string, extra: string): Promise<string[]> {
  const from = callers[caller] ?? one;
  const device = flows === 0 ? phone : one;
  const seen: string[] = [];
  const note = (who: string, message: SipMessage): SipMessage => (seen.push(`${who}\n${comparable(message, user)}`), message);
  if (flows === 0) await home.register(phone, { user, instance: instanceOf("call"), contact: `sip:${user}@192.0.2.7` });
  for (let regId = 1; regId <= flows; regId += 1) await home.registerBehind(one, user, { instance: instanceOf("call"), regId });
  await from.say([`${method} sip:${user}@${DOMAIN} SIP/2.0`, "From: <sip:stranger@elsewhere.example>;tag=1", ...lines, extra].filter((line) => line !== "").join("\n"));
  const sent = from.sent;
  const next = async (): Promise<SipMessage> => note("caller", await from.next(undefined, method === "INVITE"));
  if (method === "INVITE") await next();
  let status = 0;
  let silent: typeof device.last | undefined;
  for (const does of play) {
    note("device", await device.request(method));
    const asked = device.last;
    if (does === "silent") {
      silent = asked;
      continue;
    }
    for (const reply of does) {
      status = Number.parseInt(reply, 10);
      await device.reply(reply, "X-Device: 1\n", asked);
      const goesBack = !(status === 430 || status === 408) || does === play.at(-1);
      const isAnswered = goesBack && !(status === 408 && method !== "INVITE");
      if (method === "INVITE" && status >= 300) note("device", await device.request("ACK"));
      if (isAnswered) await next();
    }
    if (!cancels) continue;
    const via = /^Via: (.*)\r$/m.exec(sent)?.[1] ?? "";
    const callId = /^Call-ID: (.*)\r$/m.exec(sent)?.[1] ?? "";
    const own = `Via: ${via}\nFrom: <sip:stranger@elsewhere.example>;tag=1\nCall-ID: ${callId}\nCSeq: 1`;
    await from.say(`CANCEL sip:${user}@${DOMAIN} SIP/2.0\n${own} CANCEL\nReason: SIP;cause=480;text="gone"`);
    await next();
    note("device", await device.request("CANCEL"));
    await device.reply("200 OK");
    await device.reply("487 Request Terminated", "", asked);
    note("device", await device.request("ACK"));
    await next();
  }
  if (silent !== undefined && method === "INVITE") {
    // It wakes up too late; nobody but the server learns that.
    await device.reply("487 Request Terminated", "", silent);
    note("device", await device.request("ACK"));
  }
  if (method === "INVITE" && (status >= 300 || cancels)) {
    const to = /^To: (.*)\r$/m.exec(from.last.text)?.[1] ?? "";
    const via = /^Via: (.*)\r$/m.exec(sent)?.[1] ?? "";
    const callId = /^Call-ID: (.*)\r$/m.exec(sent)?.[1] ?? "";
    await from.say(`ACK sip:${user}@${DOMAIN} SIP/2.0\nVia: ${via}\nFrom: <sip:stranger@elsewhere.example>;tag=1\nTo: ${to}\nCall-ID: ${callId}\nCSeq: 1 ACK`);
  }
  await from.settle();
  seen.push(`bindings ${(await home.contactsOf(one, user)).length}`);
  return seen;
}

test("PX-16.7-2 PX-16.7-10 both paths look the same to caller and device, and leave the same bindings", { timeout: 240_000 }, async () => {
  const seed = 3_261;
  const random = seeded(seed);
  const before = await counted();
  for (let step = 0; step < STEPS; step += 1) {
    const call = drawn(random);
    const numbers = await played(call, `n${step}`, "");
    const decided = await played(call, `d${step}`, ODD);
    const objects = await played(call, `o${step}`, MANY);
    expect(numbers, `seed ${seed}, step ${step}, ${JSON.stringify(call)}`).toEqual(objects);
    expect(decided, `decided by objects, seed ${seed}, step ${step}, ${JSON.stringify(call)}`).toEqual(objects);
    for (const party of [one, phone, ...callers]) party.forget();
  }
  const after = await counted();
  // Else the test would compare a path with itself.
  expect(after.numbers - before.numbers).toBe(STEPS);
  expect(after.objects - before.objects).toBeGreaterThanOrEqual(2 * STEPS);
  expect(after.decided - before.decided).toBe(STEPS);
});

test("TX-8 PX-16.6-1 a retransmission stays on its path, even if the other one would take it now", async () => {
  const A = callers[0] ?? one;
  const message = (user: string): string => `MESSAGE sip:${user}@${DOMAIN} SIP/2.0`;
  await home.registerBehind(one, "moved", { instance: instanceOf("moved") });
  await home.registerBehind(one, "moved", { instance: instanceOf("other") });
  await A.say(message("moved"));
  const sent = A.sent;
  const asked = [await one.request("MESSAGE"), one.last] as const;
  const other = [await one.request("MESSAGE"), one.last] as const;
  // One of the two devices leaves: from now on numbers would be enough.
  await one.say(home.registerBehindOf(one, "moved", { instance: instanceOf("other"), expires: 0 }));
  await one.response(200);
  const before = await counted();
  await A.send(sent);
  await A.settle();
  await one.reply("200 OK", "", asked[1]);
  await one.reply("200 OK", "", other[1]);
  await A.response(200);
  await A.send(sent);
  await A.response(200);
  expect((await counted()).numbers).toBe(before.numbers);
  await A.say(message("moved"));
  await one.request("MESSAGE");
  await one.reply("200 OK");
  await A.response(200);
  expect((await counted()).numbers).toBe(before.numbers + 1);
});

test("AU-9 a caller of ours proves who he is to the numbers: once with each count, and only for his own address", async () => {
  const plane = await Admin.choose();
  const server = await Home.start({ SLUICE_AUTH: `file:${join(folder, "users")}`, SLUICE_EDGES: "127.0.0.2", SLUICE_ADMIN_LISTEN: plane.listen, SLUICE_SHARDS: "1" });
  const carol = await server.phone("carol", "tcp");
  const edge = await server.edge("E", "127.0.0.2");
  const register = server.registerBehindOf(edge, "carol", { instance: instanceOf("carol") });
  await edge.say(register);
  const registrarChallenge = (await edge.response(401)).all("WWW-Authenticate").map(readChallenge).find(({ algorithm }) => algorithm === "MD5");
  if (registrarChallenge === undefined) throw new Error("an MD5 challenge");
  await edge.say(`${register.replace(/branch=\w+/, "branch=z9hG4bKagain")}\nCSeq: 2 REGISTER\nAuthorization: ${authorization(registrarChallenge, { user: "carol", password: "secret", method: "REGISTER", uri: `sip:${DOMAIN}` })}`);
  await edge.response(200);
  const uri = `sip:carol@${DOMAIN}`;
  const message = (from: string, header = ""): string => `MESSAGE ${uri} SIP/2.0\nFrom: <sip:${from}@${DOMAIN}>;tag=1${header}`;
  await carol.say(message("carol"));
  const challenge = (await carol.response(407)).all("Proxy-Authenticate").map(readChallenge).find(({ algorithm }) => algorithm === "MD5");
  if (challenge === undefined) throw new Error("an MD5 challenge");
  let nc = 0;
  const asked = async (from = "carol", password = "secret", count = (nc += 1), passes = true): Promise<number> => {
    const header = authorization(challenge, { user: "carol", password, method: "MESSAGE", uri, nc: count });
    await carol.say(message(from, `\nProxy-Authorization: ${header}`));
    if (passes) {
      expect((await edge.request("MESSAGE")).all("Proxy-Authorization")).toEqual([]);
      await edge.reply("200 OK");
    }
    return (await carol.next()).status;
  };
  const before = (await counted(plane)).numbers;
  await expect.poll(async () => ((await asked()) === 200 ? (await counted(plane)).numbers - before : -1)).toBeGreaterThanOrEqual(3);
  const taken = (await counted(plane)).numbers;
  expect(await asked("carol", "secret", nc, false)).toBe(407);
  expect(await asked("carol", "wrong", (nc += 1), false)).toBe(407);
  expect(await asked("dave", "secret", (nc += 1), false)).toBe(403);
  expect((await counted(plane)).numbers).toBe(taken);
});

test("PX-16.6-1 the body of a datagram without Content-Length goes on by every path", async () => {
  const A = callers[0] ?? one;
  await home.registerBehind(one, "bodied", { instance: instanceOf("bodied") });
  for (const extra of ["", `${ODD}\n`]) {
    await A.exactly(`MESSAGE sip:bodied@${DOMAIN} SIP/2.0\nVia: SIP/2.0/UDP ${A.at};branch=z9hG4bKbody${extra.length};rport\nMax-Forwards: 70\nFrom: <sip:stranger@elsewhere.example>;tag=1\nTo: <sip:bodied@${DOMAIN}>\nCall-ID: body${extra.length}\nCSeq: 1 MESSAGE\n${extra}\nhello`);
    expect((await one.request("MESSAGE")).text).toMatch(/\r\nContent-Length: 5\r\n(?:.+\r\n)*\r\nhello$/);
    await one.reply("200 OK");
    await A.response(200);
  }
});

test("AU-9 TX-8 PX-16.7-10 a caller whom objects have asked keeps his one transaction when numbers go on with it", async () => {
  const plane = await Admin.choose();
  const server = await Home.start({ SLUICE_AUTH: `file:${join(folder, "users")}`, SLUICE_EDGES: "127.0.0.2", SLUICE_ADMIN_LISTEN: plane.listen, SLUICE_SHARDS: "1" });
  const carol = await server.phone("carol", "udp");
  const edge = await server.edge("E", "127.0.0.2");
  const registerOf = (device: string): string => server.registerBehindOf(edge, "carol", { instance: instanceOf(device) });
  await edge.say(registerOf("one"));
  const registrarChallenge = (await edge.response(401)).all("WWW-Authenticate").map(readChallenge).find(({ algorithm }) => algorithm === "MD5");
  if (registrarChallenge === undefined) throw new Error("an MD5 challenge");
  for (const [at, device] of ["one", "two"].entries()) {
    const header = authorization(registrarChallenge, { user: "carol", password: "secret", method: "REGISTER", uri: `sip:${DOMAIN}`, nc: at + 1 });
    await edge.say(`${registerOf(device).replace(/branch=\w+/, `branch=z9hG4bK${device}`)}\nCSeq: 2 REGISTER\nAuthorization: ${header}`);
    await edge.response(200);
  }
  const uri = `sip:carol@${DOMAIN}`;
  const invite = (header = ""): string => `INVITE ${uri} SIP/2.0\nFrom: <sip:carol@${DOMAIN}>;tag=1\n${ODD}${header}`;
  await carol.say(invite());
  const challenge = (await carol.response(407)).all("Proxy-Authenticate").map(readChallenge).find(({ algorithm }) => algorithm === "MD5");
  if (challenge === undefined) throw new Error("an MD5 challenge");
  const before = await counted(plane);
  await carol.say(invite(`\nProxy-Authorization: ${authorization(challenge, { user: "carol", password: "secret", method: "INVITE", uri, nc: 1 })}`));
  const sent = carol.sent;
  await carol.response(100);
  expect((await edge.request("INVITE")).all("Proxy-Authorization")).toEqual([]);
  const other = edge.last;
  expect((await edge.request("INVITE")).all("Proxy-Authorization")).toEqual([]);
  const asked = edge.last;
  expect((await counted(plane)).decided - before.decided).toBe(1);
  // Its credentials are used up, so it must not be asked again.
  await carol.send(sent);
  await carol.response(100);
  await edge.reply("180 Ringing", "", asked);
  await carol.response(180);
  await carol.send(sent);
  await carol.response(180);
  const via = /^Via: (.*)\r$/m.exec(sent)?.[1] ?? "";
  const callId = /^Call-ID: (.*)\r$/m.exec(sent)?.[1] ?? "";
  const own = `Via: ${via}\nFrom: <sip:carol@${DOMAIN}>;tag=1\nCall-ID: ${callId}\nCSeq: 1`;
  await carol.say(`CANCEL ${uri} SIP/2.0\n${own} CANCEL`);
  await carol.response(200);
  await edge.request("CANCEL");
  await edge.reply("200 OK");
  await edge.reply("487 Request Terminated", "", asked);
  await edge.request("ACK");
  await edge.reply("486 Busy Here", "", other);
  await edge.request("ACK");
  await carol.response(486);
});
