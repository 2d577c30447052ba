/** Redis is unreachable: REGISTER is refused at once with 503, and everything works again when it is back. */
import { setImmediate } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { RedisStore } from "../../src/location/redis-store.js";
import { Gruus } from "../../src/registrar/gruu.js";
import { Registrar } from "../../src/registrar/registrar.js";
import { learnPastFlows } from "../../src/shard/past-flows.js";
import { AOR, flowBinding, operation, plainBinding } from "../support/bindings.js";
import { RedisServer } from "../support/redis-server.js";
import { DIRECT, OPTIONS, SECRET, registerMessage } from "../support/registrar-stage.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");

async function stage(): Promise<{ server: RedisServer; store: RedisStore; states: boolean[] }> {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  const states: boolean[] = [];
  const store = await RedisStore.open(server.url, "node-one", { listener: (isUp) => states.push(isUp) });
  onTestFinished(() => store.close());
  return { server, store, states };
}

test("SA-5 REG-20 REGISTER gets 503 with Retry-After while Redis is unreachable, nothing is half done, and it recovers by itself", { timeout: 30_000 }, async () => {
  const { server, store, states } = await stage();
  const registrar = new Registrar({ store, gruus: new Gruus(SECRET), report: () => undefined }, OPTIONS);
  const register = (host: number): ReturnType<Registrar["handle"]> => registrar.handle(registerMessage(`Contact: <sip:a@192.0.2.${host}>`), DIRECT);
  expect((await register(1)).status).toBe(200);
  await server.kill();
  await expect.poll(() => states.at(-1)).toBe(false);
  for (let count = 0; count < 20; count += 1) {
    // At once: if each of them waited for its time limit of two seconds, the test would not end in time.
    const answer = await register(2);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.find(([name]) => name === "Retry-After")?.[1])).toBeGreaterThan(0);
  }
  await server.begin();
  await expect.poll(async () => (await register(3)).status, { timeout: 10_000 }).toBe(200);
  expect((await store.lookup(AOR)).map(({ contactUri }) => contactUri).sort()).toEqual(["sip:a@192.0.2.1", "sip:a@192.0.2.3"]);
  expect(states).toEqual([true, false, true]);
});

test("a hanging Redis is given up", async () => {
  const { server, store } = await stage();
  server.pause();
  await expect(store.lookup(AOR)).rejects.toHaveProperty("name", "StoreUnavailable");
  server.resume();
  await expect.poll(() => store.lookup(AOR).catch(() => "away"), { timeout: 10_000 }).toEqual([]);
});

test("while Redis hangs only a bounded number of commands wait for it: the rest fail at once, and memory stays flat", async () => {
  const { server, store } = await stage();
  server.pause();
  onTestFinished(() => server.resume());
  const lookups = (count: number): readonly Promise<string>[] =>
    Array.from({ length: count }, (_, at) => store.lookup(`${AOR}${at}`).then(() => "found", (error: unknown) => String((error as Error).name)));
  const waiting = lookups(4_000);
  const before = process.memoryUsage().heapUsed;
  for (let round = 0; round < 3; round += 1) {
    // None of these is accepted: each is refused in the turn in which it was made.
    let settled: readonly string[] = [];
    void Promise.all(lookups(1_000)).then((names) => (settled = names));
    await setImmediate();
    expect(settled).toHaveLength(1_000);
    expect(new Set(settled)).toEqual(new Set(["StoreUnavailable"]));
  }
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 << 20);
  server.resume();
  await Promise.all(waiting);
  await expect.poll(() => store.lookup(AOR).catch(() => "away"), { timeout: 10_000 }).toEqual([]);
});

test("OB-7-9 connections of an earlier run are learnt as soon as Redis is there, and what it cannot read costs nobody else", async () => {
  const { server, store } = await stage();
  const { Redis } = await import("ioredis");
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  admin.on("error", () => undefined);
  const flowOf = (at: number): string => `s/0/1/0/${at}/1`;
  const users = [1, 2, 3].map((at) => `sip:user${at}@example.org`);
  for (const [at, aor] of users.entries()) await store.save(aor, operation({ put: [flowBinding(store, "urn:uuid:a", 1, { aor, flow: flowOf(at) })] }));
  await admin.set("sluice:aor:{sip:poisoned@example.org}", "not a hash");
  await admin.hset("sluice:aor:{sip:damaged@example.org}", "key", "not JSON");
  await admin.hset("sluice:past:{node-one}", "one", "not JSON", "two", JSON.stringify(["sip:past@example.org", ["key", "call", 1, 1, 1, flowOf(9), null, false, null, "sip:a@h", "", [], 1_000, null]]));
  await server.kill();
  const learnt = new Set<string>();
  const faults: unknown[] = [];
  const learning = learnPastFlows({ store, learn: (flow) => learnt.add(flow).size > 0, isWanted: () => true, report: (error) => faults.push(error), pauseMs: 20 });
  await expect(store.lookup(AOR)).rejects.toHaveProperty("name", "StoreUnavailable");
  await server.begin();
  await learning;
  expect(learnt).toEqual(new Set([flowOf(9), ...users.map((_, at) => flowOf(at))]));
  // A damaged row is left out of its address, which is no fault here.
  expect(faults).toHaveLength(1);
});

test("a server that has forgotten the scripts gets them again", async () => {
  const { server, store } = await stage();
  await store.save(AOR, operation({ put: [plainBinding(store, "sip:a@h")] }));
  const { Redis } = await import("ioredis");
  const admin = new Redis(server.url);
  await admin.script("FLUSH");
  admin.disconnect();
  expect(await store.save(AOR, operation({ put: [plainBinding(store, "sip:b@h")] }))).toMatchObject({ outcome: "saved" });
});

test("REG-21 Redis drops an address of record by itself when its last binding has expired", async () => {
  const { server, store } = await stage();
  await store.save(AOR, operation({ put: [plainBinding(store, "sip:a@h", { expiresAt: store.now() + 50 })] }));
  const { Redis } = await import("ioredis");
  const admin = new Redis(server.url);
  onTestFinished(() => admin.disconnect());
  expect(await admin.keys("*")).toEqual([`sluice:aor:{${AOR}}`]);
  await expect.poll(() => admin.keys("*")).toEqual([]);
});

test("SA-5 two registrars on one Redis: what one saves the other finds, 10,000 times", { timeout: 120_000 }, async () => {
  const { server, store } = await stage();
  const other = await RedisStore.open(server.url, "node-one");
  onTestFinished(() => other.close());
  let missed = 0;
  await Promise.all(
    Array.from({ length: 20 }, async (_, lane) => {
      const aor = `sip:lane${lane}@example.org`;
      for (let cseq = 1; cseq <= 500; cseq += 1) {
        await store.save(aor, operation({ put: [plainBinding(store, "sip:a@h", { aor, cseq })] }));
        if ((await other.lookup(aor))[0]?.cseq !== cseq) missed += 1;
      }
    }),
  );
  expect(missed).toBe(0);
});
