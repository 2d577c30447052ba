/** The embedded store and Redis behave the same: compares C++ and Lua over random operations. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect } from "vitest";
import type { Binding } from "../../src/location/binding.js";
import { NativeStore } from "../../src/location/native-store.js";
import { RedisStore } from "../../src/location/redis-store.js";
import type { LocationStore, SaveResult } from "../../src/location/store.js";
import { BINDING_EVENTS, type BindingNewsRow } from "../../src/native/inspect.js";
import { byKey, flowBinding, operation, plainBinding } from "../support/bindings.js";
import { RedisServer } from "../support/redis-server.js";
import { testWith } from "../support/test-with.js";

const test = testWith("redis-server");

const folder = mkdtempSync(join(tmpdir(), "sluice-equivalence-"));
const room = Buffer.alloc(16_384);
let server: RedisServer;
let embedded: NativeStore;
let redis: LocationStore;
const redisNews: BindingNewsRow[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
  embedded = await NativeStore.open(folder);
  redis = await RedisStore.open(server.url, "node-one", { tell: (news) => redisNews.push(news) });
});

afterAll(async () => {
  await embedded.close();
  await redis.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const INSTANCES = ["urn:uuid:1", "urn:uuid:2"];
const URIS = ["sip:a@h", "sip:%61@H", "sip:a@h;x=1", "sip:a@h;x=2", "sip:a@h;y=1;x=1", "sip:a@h:5060", "sip:b@h?c=d", "sip:a@h;transport=tcp", "sips:a@h"];

type Make = (store: LocationStore, aor: string, callId: string, cseq: number) => Binding;

const flow = fc.constantFrom(undefined, "f1", "f2");
const plain = fc.tuple(fc.constantFrom(...URIS), flow, fc.constantFrom(-1_000, 3_600_000), fc.boolean()).map(([uri, on, life, direct]): Make => {
  const way = on === undefined ? {} : direct ? { flow: on, direct } : { flow: on };
  return (store, aor, callId, cseq) => plainBinding(store, uri, { aor, callId, cseq, expiresAt: store.now() + life, ...way });
});
const outbound = fc.tuple(fc.constantFrom(...INSTANCES), fc.integer({ min: 1, max: 3 })).map(([instance, regId]): Make => {
  return (store, aor, callId, cseq) => flowBinding(store, instance, regId, { aor, callId, cseq, flow: "f1" });
});
const binding = fc.oneof(plain, outbound);
const save = fc.record({
  kind: fc.constant("save" as const),
  callId: fc.constantFrom("one", "two"),
  cseq: fc.integer({ min: 1, max: 6 }),
  everything: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
  put: fc.array(binding, { maxLength: 3 }),
  drop: fc.array(binding, { maxLength: 2 }),
  maxContacts: fc.integer({ min: 1, max: 5 }),
  maxFlows: fc.integer({ min: 1, max: 3 }),
});
const removal = fc.record({ kind: fc.constant("remove" as const), binding });
const flowEnd = fc.record({ kind: fc.constant("removeFlow" as const), flow: fc.constantFrom("f1", "f2") });
const step = fc.oneof({ weight: 6, arbitrary: save }, removal, flowEnd);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function carryOut(store: LocationStore, aor: string, one: Step): Promise<SaveResult | number | undefined> {
  switch (one.kind) {
    case "save": {
      const { callId, cseq, everything, maxContacts, maxFlows } = one;
      const make = (makes: readonly Make[]): readonly Binding[] => (everything ? [] : makes.map((each) => each(store, aor, callId, cseq)));
      return store.save(aor, operation({ callId, cseq, everything, put: make(one.put), drop: make(one.drop).map(({ key }) => key), maxContacts, maxFlows }));
    }
    case "remove":
      await store.remove(aor, one.binding(store, aor, "", 0).key);
      return undefined;
    case "removeFlow":
      return store.removeFlow(one.flow);
  }
}

// The stores have separate clocks, so times are not compared; expired bindings are simply missing.
function comparable(bindings: readonly Binding[]): unknown {
  return byKey(bindings).map(({ expiresAt: _, updatedAt: __, ...rest }) => rest);
}

/** Redis forgets what has expired by itself, so only what a REGISTER did is compared. */
function told(news: readonly BindingNewsRow[]): readonly string[] {
  const those = news.map(({ event, agoMs: _, ...rest }) => ({ event: BINDING_EVENTS[event], ...rest })).filter(({ event }) => event === "registered" || event === "moved" || event === "removed");
  return those.map((one) => JSON.stringify(one)).sort();
}

test("REG-13 REG-14 both stores give the same answers and hold the same bindings after any operations, and tell the history the same", { timeout: 120_000 }, async () => {
  let runs = 0;
  embedded.wantNews(true);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const aor = `sip:user${(runs += 1)}@example.org`;
      for (const one of steps) {
        const [left, right] = await Promise.all([carryOut(embedded, aor, one), carryOut(redis, aor, one)]);
        if (typeof left === "object" && typeof right === "object" && left.outcome === "saved" && right.outcome === "saved") {
          expect(comparable(right.bindings)).toEqual(comparable(left.bindings));
        } else if (one.kind === "save") {
          expect(right).toEqual(left);
        }
        expect(comparable(await redis.lookup(aor))).toEqual(comparable(await embedded.lookup(aor)));
        expect(told(redisNews.splice(0))).toEqual(told(embedded.news("", 1, 0, true, room).rows ?? []));
      }
      for (const store of [embedded, redis]) await store.save(aor, operation({ callId: "end", everything: true }));
      expect(told(redisNews.splice(0))).toEqual(told(embedded.news("", 1, 0, true, room).rows ?? []));
    }),
    { numRuns: 400 },
  );
});

test("REG-15 what is asked of a store right after a REGISTER of the same address comes after it, whoever pays for that", async () => {
  for (const [name, store] of Object.entries({ embedded, redis })) for (const payer of [undefined, "192.0.2.1"]) {
    const aor = `sip:after-${name}-${payer === undefined ? "nobody" : "somebody"}@example.com`;
    const put = (uri: string, cseq: number): Binding => plainBinding(store, uri, { aor, callId: "one", cseq });
    const charged = (put: readonly Binding[], cseq: number) => ({ ...operation({ callId: "one", cseq, put }), ...(payer !== undefined && { payer }) });
    const first = put("sip:a@h", 1);
    const saved = store.save(aor, charged([first], 1));
    const found = store.lookup(aor);
    const also = store.save(aor, charged([put("sip:b@h", 2)], 2));
    const dropped = store.save(aor, operation({ callId: "one", cseq: 3, drop: [first.key] }));
    const left = store.lookup(aor);
    expect((await saved).outcome, aor).toBe("saved");
    expect((await found).map(({ contactUri }) => contactUri), aor).toEqual(["sip:a@h"]);
    expect(await also, aor).toMatchObject({ outcome: "saved", bindings: [{}, {}] });
    expect((await dropped).outcome, aor).toBe("saved");
    expect((await left).map(({ contactUri }) => contactUri), aor).toEqual(["sip:b@h"]);
  }
});
