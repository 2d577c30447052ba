/** Two registrars on one Redis: what one learns the other knows at once, and neither harms the other (SA-5). */
import { expect, onTestFinished } from "vitest";
import { Admin } from "../support/admin.js";
import { Asker, manyTimes } from "../support/asker.js";
import { often } from "../support/often.js";
import { Edge, MAIN } from "../support/edge.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import { RedisServer } from "../support/redis-server.js";
import type { SipMessage } from "../support/sip-message.js";
import { newBranch, responseTo } from "../support/sip-text.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");

const TIMES = often(10_000);
const AT_ONCE = 64;

async function pair(settings: Record<string, string>): Promise<readonly [Home, Home]> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const start = (): Promise<Home> => Home.start({ SLUICE_LOCATION: redis.url, ...settings });
  return [await start(), await start()];
}

test("SA-5 REGISTER at one and INVITE at the other right after its 200: thousands of times, none missed", { timeout: 120_000 }, async () => {
  const [A, B] = await pair({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2" });
  const scene = `two-${process.pid}`;
  // The edge's address leads to the phones, which all are this socket.
  const edge = await Asker.open(scene, "127.0.0.2");
  const caller = await Asker.open(scene);
  onTestFinished(async () => void (await Promise.all([edge.close(), caller.close()])));
  edge.onRequest = (request) => (request.method === "ACK" ? undefined : responseTo(request, `603 ${request.header("Route")}`, "phone"));

  const missed: string[] = [];
  await manyTimes(TIMES, AT_ONCE, async (at) => {
    // Every address has its turn ten times, each time with a different Path: only the newest one is right.
    const user = `u${at % 1_000}`;
    const token = `token-${at}`;
    const registered = await edge.ask(
      [
        `REGISTER sip:${DOMAIN} SIP/2.0`,
        `Via: SIP/2.0/UDP ${edge.at};branch=${newBranch()};rport`,
        `Via: SIP/2.0/UDP 192.0.2.7;branch=${newBranch()}`,
        `From: <sip:${user}@${DOMAIN}>;tag=${at}`,
        `To: <sip:${user}@${DOMAIN}>`,
        `Call-ID: register-${at}@${scene}`,
        "Supported: path, outbound",
        `Path: <sip:${token}@${edge.at};lr;ob>`,
        `Contact: <sip:${user}@192.0.2.7>;reg-id=1;+sip.instance="<${instanceOf(user)}>"`,
      ].join("\n"),
      A.port,
    );
    if (registered?.status !== 200) return void missed.push(`${token}: REGISTER ${registered?.status}`);
    const called = await caller.ask(
      `INVITE sip:${user}@${DOMAIN} SIP/2.0\nTo: <sip:${user}@${DOMAIN}>\nCall-ID: call-${at}@${scene}\nContact: <sip:caller@${caller.at}>`,
      B.port,
    );
    if (!called?.startLine.includes(`603 <sip:${token}@`)) missed.push(`${token}: INVITE ${called?.startLine}`);
  });
  expect(missed.slice(0, 10)).toEqual([]);
});

/** Two standalone nodes that know each other; bob is connected to the first, alice to the second. */
async function twoNodes(how: "start" | "spawn" = "start"): Promise<{ readonly alice: Party; readonly bob: Party; readonly first: Home }> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const [one, other] = ["127.0.0.2", "127.0.0.3"] as const;
  const settings = { SLUICE_LOCATION: redis.url, SLUICE_EDGES: `${one},${other}` };
  const [first, second] = [await Home[how](settings, one), await Home[how](settings, other)];
  const [bob, alice] = [await first.phone("bob", "tcp"), await second.phone("alice", "tcp")];
  await first.register(bob, { instance: instanceOf("bob") });
  await second.register(alice, { instance: instanceOf("alice") });
  bob.scene = alice.scene;
  return { alice, bob, first };
}

const routesOf = (message: SipMessage): readonly string[] => message.all("Record-Route").flatMap((line) => line.split(/,\s*(?=<)/));

for (const hangsUp of ["caller", "callee"] as const) {
  test(`SA-5 OB-6-23 OB-7-25 a phone connected to one node is called through the other, and the ${hangsUp} hangs up`, async () => {
    const { alice, bob } = await twoNodes();
    await alice.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nContact: <sip:alice@${alice.at};transport=tcp>`);
    const invite = await bob.request("INVITE");
    expect(invite.all("Route")).toEqual([]);
    await bob.reply("200 OK", `Contact: <sip:bob@${bob.at};transport=tcp>`);
    const ok = await alice.response(200);
    const dialog = `Call-ID: ${ok.header("Call-ID")}`;
    const toBob = `sip:bob@${bob.at};transport=tcp SIP/2.0\n${dialog}\nTo: ${ok.header("To")}\nRoute: ${[...routesOf(ok)].reverse().join(", ")}`;
    await alice.say(`ACK ${toBob}`);
    await bob.request("ACK");
    const [leaver, other] = hangsUp === "caller" ? [alice, bob] : [bob, alice];
    const toAlice = `sip:alice@${alice.at};transport=tcp SIP/2.0\n${dialog}\nFrom: ${ok.header("To")}\nTo: ${ok.header("From")}\nRoute: ${routesOf(invite).join(", ")}`;
    await leaver.say(`BYE ${hangsUp === "caller" ? toBob : toAlice}\nCSeq: 2 BYE`);
    await other.request("BYE");
    await other.reply("200 OK");
    await leaver.response(200);
  });
}

test("SA-5 OB-7-13 OB-6-24 a phone no longer connected to any node is 480 at all of them, and rings again after reconnecting to another", async () => {
  const { alice, bob, first } = await twoNodes("spawn");
  const invite = (id: string): Promise<unknown> => alice.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nCall-ID: ${id}@${alice.scene}\nContact: <sip:alice@${alice.at};transport=tcp>`);
  // Nobody is left there to end the bindings: the next call finds out.
  await first.server.kill();
  await first.server.restart();
  await invite("gone");
  await alice.response(480);
  await first.connect(bob, "tcp");
  bob.scene = first.scene;
  await first.register(bob, { instance: instanceOf("bob") });
  bob.scene = alice.scene;
  await invite("back");
  await bob.request("INVITE");
});

test("SA-5 REG-20 Redis is unreachable: calls go on and end, new ones and REGISTERs get 503 with Retry-After, and it recovers by itself", async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const home = await Home.start({ SLUICE_LOCATION: redis.url });
  const [alice, bob] = [await home.phone("alice"), await home.phone("bob", "tcp")];
  await home.register(bob, { instance: instanceOf("bob") });
  const invite = (id: string): Promise<unknown> => alice.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nCall-ID: ${id}@${home.scene}\nContact: <sip:alice@${alice.at}>`);
  await invite("ringing");
  await bob.request("INVITE");
  await bob.reply("180 Ringing");
  const ringing = bob.last;
  await alice.response(180);

  await redis.kill();
  await bob.say(home.registerOf(bob, { instance: instanceOf("bob") }));
  expect(Number((await bob.response(503)).header("Retry-After"))).toBeGreaterThan(0);
  await invite("new");
  expect(Number((await alice.response(503)).header("Retry-After"))).toBeGreaterThan(0);
  // The ringing call is answered, and ended.
  await bob.reply("200 OK", `Contact: <sip:bob@${bob.at};transport=tcp>`, ringing);
  const ok = await alice.response(200);
  const dialog = `Call-ID: ringing@${home.scene}\nTo: ${ok.header("To")}\nRoute: ${[...ok.all("Record-Route")].reverse().join(", ")}`;
  await alice.say(`ACK sip:bob@${bob.at};transport=tcp SIP/2.0\n${dialog}`);
  await bob.request("ACK");
  await alice.say(`BYE sip:bob@${bob.at};transport=tcp SIP/2.0\nCSeq: 2 BYE\n${dialog}`);
  await bob.request("BYE");
  await bob.reply("200 OK");
  await alice.response(200);

  await redis.begin();
  const registers = async (): Promise<number> => {
    await bob.say(home.registerOf(bob, { instance: instanceOf("bob") }));
    return (await bob.next()).status;
  };
  await expect.poll(registers, { interval: 200 }).toBe(200);
  await invite("again");
  await bob.request("INVITE");
});

test("SA-5 REG-14 Redis is killed during REGISTERs with two Contacts: all or nothing of each, and every 200 was true", async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const home = await Home.start({ SLUICE_LOCATION: redis.url });
  const asker = await Asker.open(home.scene);
  onTestFinished(() => asker.close());
  const statusOf = new Map<number, number | undefined>();
  const request = (at: number, lines: string): string =>
    `REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:u${at}@${DOMAIN}>;tag=1\nTo: <sip:u${at}@${DOMAIN}>\nCall-ID: two-${at}${lines}`;
  let killed: Promise<void> | undefined;
  await manyTimes(often(10_000), AT_ONCE, async (at) => {
    const answer = await asker.ask(request(at, "\nContact: <sip:one@192.0.2.1>, <sip:two@192.0.2.2>"), home.port);
    statusOf.set(at, answer?.status);
    if (statusOf.size === often(3_000)) killed = redis.kill();
  });
  await killed;
  expect(new Set(statusOf.values())).toEqual(new Set([200, 503]));
  await redis.begin();
  await expect.poll(async () => (await asker.ask(request(0, ""), home.port))?.status, { interval: 200 }).toBe(200);
  const wrong: string[] = [];
  await manyTimes(often(10_000), AT_ONCE, async (at) => {
    const count = (await asker.ask(request(at, ""), home.port))?.all("Contact").length;
    const isRight = count === 2 || (count === 0 && statusOf.get(at) === 503);
    if (!isRight) wrong.push(`u${at}: ${statusOf.get(at)} and ${count} Contacts`);
  });
  expect(wrong.slice(0, 10)).toEqual([]);
});

test("SA-5 REG-14 one of three registrars is killed during REGISTERs: the others have whatever it answered with 200, and serve on", { timeout: 120_000 }, async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const settings = { SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2", SLUICE_LOCATION: redis.url };
  const doomed = await Home.open(settings, undefined, MAIN);
  onTestFinished(() => doomed.server.stop());
  const others = [await Home.start(settings), await Home.start(settings)];
  const asker = await Asker.open(`three-${process.pid}`, "127.0.0.2");
  onTestFinished(() => asker.close());
  const ports = [doomed.port, ...others.map(({ port }) => port)];
  const register = (at: number): string =>
    [
      `REGISTER sip:${DOMAIN} SIP/2.0`,
      `Via: SIP/2.0/UDP ${asker.at};branch=${newBranch()};rport`,
      `Via: SIP/2.0/UDP 192.0.2.7;branch=${newBranch()}`,
      `From: <sip:u${at}@${DOMAIN}>;tag=1\nTo: <sip:u${at}@${DOMAIN}>\nCall-ID: three-${at}`,
      "Supported: path, outbound",
      `Path: <sip:token-${at}@${asker.at};lr;ob>`,
      `Contact: <sip:u${at}@192.0.2.7>;reg-id=1;+sip.instance="<${instanceOf(`u${at}`)}>"`,
    ].join("\n");
  const statuses = new Map<number, number | undefined>();
  let killed: Promise<void> | undefined;
  await manyTimes(often(6_000), AT_ONCE, async (at) => {
    const isDoomed = at % 3 === 0;
    if (isDoomed && killed !== undefined) return;
    const answer = await asker.ask(register(at), ports[at % 3] ?? 0, isDoomed ? 2_000 : undefined);
    statuses.set(at, answer?.status);
    if (isDoomed && statuses.size > often(2_000)) killed ??= doomed.server.kill();
  });
  await killed;
  expect([...statuses].filter(([at, status]) => at % 3 !== 0 && status !== 200)).toEqual([]);
  const answered = [...statuses].filter(([, status]) => status === 200);
  const missed: string[] = [];
  await manyTimes(answered.length, AT_ONCE, async (index) => {
    const [at = 0] = answered[index] ?? [];
    const query = `REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:u${at}@${DOMAIN}>;tag=q\nTo: <sip:u${at}@${DOMAIN}>\nCall-ID: query-${at}`;
    const found = await asker.ask(query, ports[1 + (at % 2)] ?? 0);
    if (found?.all("Contact").length !== 1) missed.push(`u${at}: ${found?.status} with ${found?.all("Contact").length} Contacts`);
  });
  expect(missed.slice(0, 10)).toEqual([]);
});

test("TX-8 REG-20 while Redis hangs, retransmissions of a REGISTER are absorbed; it is answered once, and 503 if it lasts", { timeout: 60_000 }, async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const plane = await Admin.choose();
  const home = await Home.start({ SLUICE_EDGES: "127.0.0.2", SLUICE_LOCATION: redis.url, SLUICE_ADMIN_LISTEN: plane.listen });
  const edge = await home.edge("E", "127.0.0.2");
  await home.registerBehind(edge, "bob", { instance: instanceOf("bob") });
  const absorbed = async (): Promise<number> => Number(/^sluice_retransmissions_absorbed_total\S* (\d+)/m.exec((await plane.get("/metrics")).text)?.[1] ?? -1);
  const before = await absorbed();
  redis.pause();
  onTestFinished(() => redis.resume());
  await edge.say(home.registerBehindOf(edge, "bob", { instance: instanceOf("bob"), regId: 2 }));
  const { sent } = edge;
  await edge.send(sent);
  await edge.send(sent);
  await expect.poll(absorbed).toBe(before + 2);
  redis.resume();
  const answer = await edge.next();
  expect([200, 503]).toContain(answer.status);
  await edge.nothing();
  // A refusal is not remembered, so now it is carried out, or answered again.
  await edge.send(sent);
  expect((await edge.response(200)).all("Contact")).toHaveLength(2);
  redis.pause();
  await edge.say(home.registerBehindOf(edge, "bob", { instance: instanceOf("bob"), regId: 3 }));
  expect((await edge.response(503)).header("Retry-After")).toMatch(/^\d+$/);
  redis.resume();
  await expect.poll(async () => {
    await edge.say(home.registerBehindOf(edge, "bob", { instance: instanceOf("bob"), regId: 3 }));
    return (await edge.next()).status;
  }).toBe(200);
});

/** Two nodes with one name and one address, as behind a balancer or a shared address; only one of them is up at a time. */
async function namesakes(settings: Record<string, string> = {}, host = "127.0.0.1"): Promise<{ readonly one: Home; readonly turns: (node: "one" | "other") => Promise<void>; readonly redis: string }> {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const key = `1:${Buffer.alloc(32, 7).toString("base64")}`;
  // A slow machine repeats no response that the caller has not acknowledged.
  const common = { SLUICE_LOCATION: redis.url, SLUICE_FLOW_KEYS: key, SLUICE_T1_MS: "4000", ...settings };
  const one = await Home.spawn(common, host);
  const own = one.server;
  let other: Edge | undefined;
  onTestFinished(async () => void (await other?.stop()));
  const turns = async (node: "one" | "other"): Promise<void> => {
    if (node === "one") {
      await other?.stop();
      await own.restart();
      one.server = own;
      return;
    }
    await own.kill();
    other = await Edge.spawn({ SLUICE_MODE: "standalone", SLUICE_DOMAINS: DOMAIN, SLUICE_LISTEN: `udp:${one.at},tcp:${one.at}`, ...common });
  };
  return { one, turns, redis: redis.url };
}

test.each(["udp", "tcp"] as const)("nodes of one name on one Redis: neither mistakes the other's %s flow for its own, and neither removes its binding", async (transport) => {
  const { one, turns } = await namesakes();
  const bob = await one.phone("bob", transport);
  await one.register(bob, transport === "udp" ? { instance: instanceOf("bob") } : {});
  await turns("other");
  const alice = await one.phone("alice");
  await alice.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nContact: <sip:alice@${alice.at}>`);
  await alice.response(480);
  await bob.nothing();
  expect(await one.contactsOf(alice, "bob")).toHaveLength(1);
  await turns("one");
  if (transport === "tcp") return;
  await alice.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nCall-ID: again@${one.scene}\nContact: <sip:alice@${alice.at}>`);
  await bob.request("INVITE");
});

test("a node that is asked in vain in the name of another does not cost the other its binding", async () => {
  const names = "127.0.0.2,127.0.0.3";
  const { one, turns, redis } = await namesakes({ SLUICE_EDGES: names }, "127.0.0.2");
  const third = await Home.start({ SLUICE_LOCATION: redis, SLUICE_EDGES: names }, "127.0.0.3");
  const bob = await one.phone("bob", "tcp");
  await one.register(bob, { instance: instanceOf("bob") });
  await turns("other");
  const alice = await third.phone("alice");
  await alice.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nContact: <sip:alice@${alice.at}>`);
  await alice.response(480);
  expect(await third.contactsOf(alice, "bob")).toHaveLength(1);
  await turns("one");
});
