/** Users in Redis: C++ checks who has logged in before, for as long as Redis says that he has not changed. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { RedisChanges } from "../../src/location/redis-changes.js";
import { Admin } from "../support/admin.js";
import { type Challenge, authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import type { Party } from "../support/party.js";
import { RedisServer } from "../support/redis-server.js";
import { newBranch } from "../support/sip-text.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");

let redis: RedisServer;
let writer: Redis;
beforeAll(async () => {
  redis = await RedisServer.start();
  writer = new Redis(redis.url);
});
afterAll(async () => {
  writer.disconnect();
  await redis.stop();
});

async function setPassword(user: string, password: string): Promise<void> {
  await writer.hset(`sluice:auth:${DOMAIN}:${user}`, "MD5", hashOf("MD5", `${user}:${DOMAIN}:${password}`));
}

interface Stage {
  readonly edge: Party;
  /** The status of the response to a REGISTER of that user. */
  readonly register: (user: string, password: string) => Promise<number>;
  readonly byNumbers: () => Promise<number>;
}

async function opened(settings: Record<string, string> = {}): Promise<Stage> {
  const plane = await Admin.choose();
  const home = await Home.start({ SLUICE_LOCATION: redis.url, SLUICE_AUTH: "redis", SLUICE_EDGES: "127.0.0.2", SLUICE_ADMIN_LISTEN: plane.listen, SLUICE_SHARDS: "1", ...settings });
  const edge = await home.edge("E", "127.0.0.2");
  const challenges = new Map<string, Challenge>();
  let nc = 0;
  let cseq = 0;
  const send = async (user: string, header = ""): Promise<unknown> =>
    edge.say(`${home.registerBehindOf(edge, user, { instance: instanceOf(user) }).replace(/branch=\w+/, `branch=${newBranch()}`).replace(/^CSeq:.*\n?/m, "")}\nCSeq: ${(cseq += 1)} REGISTER${header}`);
  const challenged = async (user: string): Promise<Challenge> => {
    await send(user);
    const challenge = (await edge.response(401)).all("WWW-Authenticate").map(readChallenge).find(({ algorithm }) => algorithm === "MD5");
    if (challenge === undefined) throw new Error("an MD5 challenge");
    challenges.set(user, challenge);
    return challenge;
  };
  const register = async (user: string, password: string): Promise<number> => {
    const challenge = challenges.get(user) ?? (await challenged(user));
    await send(user, `\nAuthorization: ${authorization(challenge, { user, password, method: "REGISTER", uri: `sip:${DOMAIN}`, nc: (nc += 1) })}`);
    return (await edge.next()).status;
  };
  const byNumbers = async (): Promise<number> => {
    const { text } = await plane.get("/metrics");
    return Number(/^sluice_registers_handled_total\{.*path="numbers".*\} (\d+)/m.exec(text)?.[1] ?? 0);
  };
  return { edge, register, byNumbers };
}

test("AU-9 AU-17 a user of Redis who has logged in is checked by numbers from then on, and a changed password counts at once, as does a user who is gone", async () => {
  await setPassword("bob", "first");
  await setPassword("eve", "hers");
  const { register, byNumbers } = await opened();
  const taken = async (user: string, password: string): Promise<boolean> => {
    const before = await byNumbers();
    expect(await register(user, password)).toBe(200);
    return (await byNumbers()) > before;
  };
  // The connection that hears of changes may still be opening.
  await expect.poll(() => taken("bob", "first")).toBe(true);
  await taken("eve", "hers");
  expect(await taken("eve", "hers")).toBe(true);
  const before = await byNumbers();
  expect(await register("bob", "wrong")).toBe(401);
  expect(await byNumbers()).toBe(before);
  await setPassword("bob", "second");
  await expect.poll(() => register("bob", "first"), { interval: 20, timeout: 2_000 }).toBe(401);
  expect(await register("bob", "second")).toBe(200);
  expect(await taken("bob", "second")).toBe(true);
  // Nobody else has changed.
  expect(await taken("eve", "hers")).toBe(true);
  await writer.del(`sluice:auth:${DOMAIN}:bob`);
  await expect.poll(() => register("bob", "second"), { interval: 20, timeout: 2_000 }).toBe(401);
});

test("AU-9 while Redis is away nobody is let in by what was known before, and after that every user is asked for again", async () => {
  await setPassword("joe", "first");
  const { register, byNumbers } = await opened();
  await expect.poll(async () => {
    const before = await byNumbers();
    return (await register("joe", "first")) === 200 ? (await byNumbers()) - before : -1;
  }).toBeGreaterThan(0);
  await redis.kill();
  await expect.poll(() => register("joe", "first"), { interval: 50, timeout: 4_000 }).toBe(503);
  await redis.begin();
  await expect.poll(() => setPassword("joe", "second").then(() => true, () => false), { timeout: 5_000 }).toBe(true);
  await expect.poll(() => register("joe", "second"), { interval: 50, timeout: 10_000 }).toBe(200);
  expect(await register("joe", "first")).toBe(401);
});

test("Redis names the keys that change; what may have been missed, and everything at once, begin another era", async () => {
  const keys: string[] = [];
  const changes = new RedisChanges(redis.url, "sluice:auth:", (key) => keys.push(key));
  onTestFinished(() => changes.close());
  await expect.poll(() => changes.era, { timeout: 5_000 }).toBeDefined();
  const { era } = changes;
  await writer.hset("sluice:auth:a:é,d", "MD5", "x");
  await writer.hset("other", "MD5", "x");
  await writer.del("sluice:auth:a:é,d");
  const key = Buffer.from("sluice:auth:a:é,d").toString("latin1");
  await expect.poll(() => keys).toEqual([key, key]);
  // Longer than it is trusted without a word.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(changes.era).toBe(era);
  await writer.flushall();
  await expect.poll(() => changes.era).not.toBe(era);
  await redis.kill();
  await expect.poll(() => changes.era, { timeout: 5_000 }).toBeUndefined();
  await redis.begin();
  await expect.poll(() => changes.era, { timeout: 5_000 }).toBeDefined();
  await expect.poll(() => writer.hset("sluice:auth:a:b", "MD5", "y").catch(() => 0), { timeout: 5_000 }).toBe(1);
  await expect.poll(() => keys.at(-1)).toBe("sluice:auth:a:b");
});
