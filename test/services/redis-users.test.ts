/** Users in Redis: C++ checks who has logged in before, for as long as Redis says that he has not changed. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { RedisChanges } from "../../src/location/redis-changes.js";
import { hashOf } from "../support/digest-client.js";
import { DOMAIN } from "../support/home.js";
import { LoginStage } from "../support/login-stage.js";
import { RedisServer } from "../support/redis-server.js";
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

test("AU-9 AU-17 a user of Redis who has logged in is checked by numbers from then on, and a changed password counts at once, as does a user who is gone", async () => {
  await setPassword("bob", "first");
  await setPassword("eve", "hers");
  const stage = await LoginStage.open({ SLUICE_LOCATION: redis.url, SLUICE_AUTH: "redis" });
  // The connection that hears of changes may still be opening.
  await expect.poll(() => stage.isTaken("bob", "first")).toBe(true);
  await stage.isTaken("eve", "hers");
  expect(await stage.isTaken("eve", "hers")).toBe(true);
  const before = await stage.byNumbers();
  expect(await stage.register("bob", "wrong")).toBe(401);
  expect(await stage.byNumbers()).toBe(before);
  await setPassword("bob", "second");
  await expect.poll(() => stage.register("bob", "first"), { interval: 20 }).toBe(401);
  expect(await stage.register("bob", "second")).toBe(200);
  expect(await stage.isTaken("bob", "second")).toBe(true);
  // Nobody else has changed.
  expect(await stage.isTaken("eve", "hers")).toBe(true);
  await writer.del(`sluice:auth:${DOMAIN}:bob`);
  await expect.poll(() => stage.register("bob", "second"), { interval: 20 }).toBe(401);
});

test("AU-9 while Redis is away nobody is let in by what was known before, and after that every user is asked for again", async () => {
  await setPassword("joe", "first");
  const stage = await LoginStage.open({ SLUICE_LOCATION: redis.url, SLUICE_AUTH: "redis" });
  await expect.poll(() => stage.isTaken("joe", "first")).toBe(true);
  await redis.kill();
  await expect.poll(() => stage.register("joe", "first"), { interval: 50 }).toBe(503);
  await redis.begin();
  await expect.poll(() => setPassword("joe", "second").then(() => true, () => false)).toBe(true);
  await expect.poll(() => stage.register("joe", "second"), { interval: 50, timeout: 10_000 }).toBe(200);
  expect(await stage.register("joe", "first")).toBe(401);
});

test("Redis names the keys that change; what may have been missed, and everything at once, begin another era", async () => {
  const keys: string[] = [];
  const changes = new RedisChanges(redis.url, "sluice:auth:", (key) => keys.push(key));
  onTestFinished(() => changes.close());
  await expect.poll(() => changes.era).toBeDefined();
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
  await expect.poll(() => changes.era).toBeUndefined();
  await redis.begin();
  await expect.poll(() => changes.era).toBeDefined();
  await expect.poll(() => writer.hset("sluice:auth:a:b", "MD5", "y").catch(() => 0)).toBe(1);
  await expect.poll(() => keys.at(-1)).toBe("sluice:auth:a:b");
});
