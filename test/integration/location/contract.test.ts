/** What every location store must do: the embedded one on a real disk, and Redis with a real redis-server. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Binding } from "../../../src/location/binding.js";
import { openLocationStore } from "../../../src/location/open-store.js";
import type { LocationStore } from "../../../src/location/store.js";
import { AOR, byKey, flowBinding, operation, plainBinding } from "../../support/bindings.js";
import { RedisServer } from "../../support/redis-server.js";
import { testWith } from "../../support/test-with.js";

const ONE = "urn:uuid:00000000-0000-1000-8000-000000000001";
const TWO = "urn:uuid:00000000-0000-1000-8000-000000000002";

describe.each(["embedded", "redis"])("%s", (kind) => {
  const test = testWith(kind === "redis" ? "redis-server" : undefined);
  const stateDir = mkdtempSync(join(tmpdir(), "sluice-location-"));
  let server: RedisServer | undefined;
  let store: LocationStore;
  let other: LocationStore;
  let next = 0;
  const freshAor = (): string => `sip:user${(next += 1)}@example.org`;
  const saved = async (aor: string, ...put: readonly Binding[]): Promise<readonly Binding[]> => {
    const result = await store.save(aor, operation({ put }));
    if (result.outcome !== "saved") throw new Error(result.outcome);
    return result.bindings;
  };
  /** The server's clock is read only now and then, so wait a little longer than the remaining time. */
  const expired = (binding: Binding): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, binding.expiresAt - store.now()) + 20));

  beforeAll(async () => {
    if (kind === "redis") server = await RedisServer.start();
    const options = { location: server?.url ?? "embedded", stateDir };
    store = await openLocationStore(options);
    other = await openLocationStore(options);
  });

  afterAll(async () => {
    await store.close();
    await other.close();
    await server?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  test("REG-24 a source has its share of bindings, in a store that is half full, and others have theirs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-shares-"));
    const small = await openLocationStore({ location: server?.url ?? "embedded", stateDir: folder, maxBindings: 100 });
    const put = async (payer: string | undefined, contact = "sip:bob@192.0.2.1", aor = freshAor(), cseq = 1): Promise<string> => {
      const binding = plainBinding(small, contact, { aor, cseq });
      return (await small.save(aor, operation({ put: [binding], ...(payer !== undefined && { payer }) }))).outcome;
    };
    for (let at = 0; at < 50; at += 1) expect(await put(undefined)).toBe("saved");
    const first = freshAor();
    expect(await put("2001:db8::1", undefined, first)).toBe("saved");
    for (let at = 1; at < 12; at += 1) expect(await put(`2001:db8::${at}:1`)).toBe("saved");
    expect(await put("2001:db8::ffff")).toBe("source-full");
    expect(await put("2001:db8::ffff", undefined, first, 2)).toBe("saved");
    expect(await put("2001:db8:0:1::1")).toBe("saved");
    expect(await put("192.0.2.1")).toBe("saved");
    small.setMost(1_000);
    expect(await put("2001:db8::ffff")).toBe("saved");
    await small.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("OB-6-18 a binding comes back with everything that was saved", async () => {
    const aor = freshAor();
    const whole = flowBinding(store, ONE, 1, {
      aor,
      contactParams: ';+sip.foo="a,b";q=0.3;methods="INVITE"',
      path: ["<sip:T%6fken@edge;lr;OB>", '"x, y" <sip:p2;lr>'],
      q: 300,
      callId: 'é"\\\u00ff',
      cseq: 4_294_967_295,
      flow: "7/1",
      userAgent: "caf\u00c3\u00a9 1.0",
    });
    expect(await saved(aor, whole)).toEqual([whole]);
    expect(await store.lookup(aor)).toEqual([whole]);
    const bare = plainBinding(store, "sip:bob@192.0.2.7", { aor });
    await saved(aor, bare);
    expect(byKey(await other.lookup(aor))).toEqual(byKey([whole, bare]));
  });

  test("SA-5 what one has saved the other sees at once", async () => {
    const aor = freshAor();
    for (let cseq = 1; cseq <= 200; cseq += 1) {
      await saved(aor, plainBinding(store, "sip:bob@192.0.2.1", { aor, cseq }));
      expect((await other.lookup(aor)).map((binding) => binding.cseq)).toEqual([cseq]);
    }
  });

  test("REG-13 the same Call-ID needs a higher CSeq, otherwise nothing changes", async () => {
    const aor = freshAor();
    const first = plainBinding(store, "sip:bob@192.0.2.1", { aor, cseq: 5 });
    await saved(aor, first);
    for (const cseq of [4, 5]) {
      const put = [plainBinding(store, "sip:new@192.0.2.9", { aor, cseq }), plainBinding(store, "sip:bob@192.0.2.1", { aor, cseq })];
      expect(await store.save(aor, operation({ put }))).toEqual({ outcome: "out-of-order" });
      expect(await store.save(aor, operation({ cseq, drop: [first.key] }))).toEqual({ outcome: "out-of-order" });
      expect(await store.save(aor, operation({ cseq, everything: true }))).toEqual({ outcome: "out-of-order" });
      expect(await store.lookup(aor)).toEqual([first]);
    }
    expect(await store.save(aor, operation({ cseq: 6, everything: true }))).toEqual({ outcome: "saved", bindings: [] });
    expect(await store.lookup(aor)).toEqual([]);
  });

  test("OB-6-32 OB-4.2-2 another Call-ID replaces the flow and its Contact, whatever the CSeq", async () => {
    const aor = freshAor();
    await saved(aor, flowBinding(store, ONE, 1, { aor, cseq: 100 }));
    const rebooted = flowBinding(store, ONE, 1, { aor, cseq: 1, callId: "another", contactUri: "sip:new@192.0.2.9" });
    expect(await saved(aor, rebooted)).toEqual([rebooted]);
  });

  test("OB-6-37 OB-6-12 dropping one flow leaves the others, in one operation with an addition", async () => {
    const aor = freshAor();
    const [one, two, three] = [1, 2, 3].map((regId) => flowBinding(store, ONE, regId, { aor }));
    if (!one || !two || !three) throw new Error("three bindings");
    await saved(aor, one);
    await saved(aor, two);
    const result = await store.save(aor, operation({ put: [three], drop: [one.key], cseq: 2 }));
    expect(result).toEqual({ outcome: "saved", bindings: [two, three] });
    expect(byKey(await other.lookup(aor))).toEqual(byKey([two, three]));
  });

  test("OB-6-16 REG-23 equivalent Contact URIs are one binding, and the last one is kept", async () => {
    const aor = freshAor();
    await saved(aor, plainBinding(store, "sip:bob@192.0.2.1;security=on", { aor, cseq: 1 }));
    const again = plainBinding(store, "sip:b%6fb@192.0.2.1;newparam=5", { aor, cseq: 2 });
    expect(await saved(aor, again)).toEqual([again]);
    const otherOne = plainBinding(store, "sip:bob@192.0.2.1;newparam=6", { aor, cseq: 3 });
    expect(await saved(aor, otherOne)).toHaveLength(2);
  });

  test("REG-24 OB-6-33 the limits count growth, not replacement", async () => {
    const aor = freshAor();
    const plain = (host: number, cseq = 1): Binding => plainBinding(store, `sip:bob@192.0.2.${host}`, { aor, cseq });
    await saved(aor, plain(1));
    await saved(aor, plain(2));
    expect(await store.save(aor, operation({ put: [plain(3)], maxContacts: 2 }))).toEqual({ outcome: "full" });
    expect(await store.save(aor, operation({ put: [plain(1, 2)], maxContacts: 1 }))).toMatchObject({ outcome: "saved" });
    expect(await store.save(aor, operation({ put: [plain(3)], drop: [plain(2).key], cseq: 9, maxContacts: 2 }))).toMatchObject({ outcome: "saved" });
    expect(await store.lookup(aor)).toHaveLength(2);
  });

  test("REG-24 OB-4.2-1 the number of flows of an instance is limited", async () => {
    const aor = freshAor();
    for (const regId of [1, 2]) await saved(aor, flowBinding(store, ONE, regId, { aor }));
    const third = flowBinding(store, ONE, 3, { aor });
    expect(await store.save(aor, operation({ put: [third], maxFlows: 2 }))).toEqual({ outcome: "full" });
    expect(await store.save(aor, operation({ put: [flowBinding(store, TWO, 3, { aor })], maxFlows: 2 }))).toMatchObject({ outcome: "saved" });
    expect(await store.save(aor, operation({ put: [flowBinding(store, ONE, 2, { aor, cseq: 2 })], maxFlows: 1 }))).toMatchObject({ outcome: "saved" });
  });

  test("REG-21 an expired binding is never seen, never counted and never in the way", async () => {
    let aor = freshAor();
    // Long enough for a slow machine to look it up in time.
    for (let life = 60; ; life *= 2) {
      aor = freshAor();
      const soon = plainBinding(store, "sip:bob@192.0.2.1", { aor, cseq: 9, expiresAt: store.now() + life });
      await store.save(aor, operation({ put: [soon] }));
      const found = await store.lookup(aor);
      if (store.now() >= soon.expiresAt) continue;
      expect(found).toEqual([soon]);
      await expired(soon);
      break;
    }
    expect(await store.lookup(aor)).toEqual([]);
    const later = plainBinding(store, "sip:bob@192.0.2.2", { aor, cseq: 1 });
    const late = plainBinding(store, "sip:bob@192.0.2.1", { aor, cseq: 1 });
    expect(await store.save(aor, operation({ put: [later, late], maxContacts: 2 }))).toEqual({ outcome: "saved", bindings: [later, late] });
  });

  test("the sweep removes expired bindings and nothing else", async () => {
    const [gone, kept] = [freshAor(), freshAor()];
    const soon = plainBinding(store, "sip:bob@192.0.2.1", { aor: gone, expiresAt: store.now() + 20, flow: "8/1" });
    await store.save(gone, operation({ put: [soon] }));
    const binding = plainBinding(store, "sip:bob@192.0.2.1", { aor: kept, flow: "8/1" });
    await saved(kept, binding);
    await expired(soon);
    expect(await store.expire()).toBe(kind === "embedded" ? 1 : 0);
    expect(await store.expire()).toBe(0);
    expect(await store.lookup(kept)).toEqual([binding]);
    expect(await store.removeFlow("8/1")).toBe(1);
  });

  test("OB-12-1 OB-6-35 the same instance in another address of record is another device", async () => {
    const [bob, alice] = [freshAor(), freshAor()];
    await saved(bob, flowBinding(store, ONE, 1, { aor: bob }));
    await saved(alice, flowBinding(store, ONE, 1, { aor: alice, callId: "another" }));
    expect(await store.lookup(bob)).toHaveLength(1);
    expect(await store.lookup(alice)).toHaveLength(1);
  });

  test("a binding is removed, unless it was registered again meanwhile", async () => {
    const aor = freshAor();
    const first = flowBinding(store, ONE, 1, { aor });
    await saved(aor, first);
    const again = { ...first, cseq: 2, updatedAt: first.updatedAt + 5 };
    await saved(aor, again);
    await store.remove(aor, first.key, first.updatedAt);
    expect(await store.lookup(aor)).toEqual([again]);
    await store.remove(aor, "f9 nobody");
    await store.remove(aor, again.key, again.updatedAt);
    expect(await store.lookup(aor)).toEqual([]);
    await saved(aor, flowBinding(store, ONE, 1, { aor, callId: "third" }));
    await store.remove(aor, first.key);
    expect(await store.lookup(aor)).toEqual([]);
  });

  test("when a flow ends so do all its bindings, of every address of record", async () => {
    const aors = [freshAor(), freshAor(), freshAor()];
    for (const aor of aors) await saved(aor, flowBinding(store, ONE, 1, { aor, flow: "9/1" }), flowBinding(store, ONE, 2, { aor, flow: "9/2" }));
    const [moved = ""] = aors;
    await saved(moved, flowBinding(store, ONE, 1, { aor: moved, flow: "9/3", cseq: 2 }));
    expect(await store.removeFlow("9/1")).toBe(2);
    expect(await store.removeFlow("9/1")).toBe(0);
    expect((await store.lookup(moved)).map(({ flow }) => flow).sort()).toEqual(["9/2", "9/3"]);
    expect(await store.removeFlow("9/2")).toBe(3);
    expect(await store.removeFlow("9/3")).toBe(1);
  });

  test("OB-7-15 a direct binding outlives its flow", async () => {
    const aor = freshAor();
    const direct = plainBinding(store, "sip:bob@192.0.2.1;transport=tcp", { aor, flow: "9/5", direct: true });
    await saved(aor, direct, plainBinding(store, "sip:bob@192.0.2.2;transport=tcp", { aor, flow: "9/5" }));
    expect(await store.removeFlow("9/5")).toBe(1);
    expect(await store.lookup(aor)).toEqual([direct]);
  });

  const shared = kind === "redis" ? test : undefined;
  shared?.("a flow ends for this node alone, though another one has a flow of the same name", async () => {
    const aor = freshAor();
    const [own, others] = [flowBinding(store, ONE, 1, { aor, flow: "9/6" }), flowBinding(store, ONE, 2, { aor, flow: "9/6", node: "another-node" })];
    await saved(aor, own, others);
    expect(await store.removeFlow("9/6")).toBe(1);
    expect(await store.lookup(aor)).toEqual([others]);
  });

  test.each([8, 16, 22, 25])("OB-7-13 a flow with a name of %i characters ends, for addresses of record of all lengths", async (characters) => {
    const flow = "s/".padEnd(characters + 2, "1");
    for (let length = 1; length <= 64; length += 1) {
      const aor = `sip:${"u".repeat(length)}`;
      await saved(aor, plainBinding(store, "sip:bob@192.0.2.1", { aor, flow }));
      if (characters !== 16) await store.lookup(aor);
      expect(await store.removeFlow(flow)).toBe(1);
    }
  });

  test("REG-15 operations on one address of record take effect one by one, in order", async () => {
    const aor = freshAor();
    const binding = (cseq: number): Binding => plainBinding(store, "sip:bob@192.0.2.1", { aor, cseq });
    const results = await Promise.all([
      store.save(aor, operation({ put: [binding(1)] })),
      store.save(aor, operation({ drop: [binding(1).key], cseq: 2 })),
      store.save(aor, operation({ put: [binding(3)] })),
      store.save(aor, operation({ put: [binding(2)] })),
    ]);
    expect(results.map(({ outcome }) => outcome)).toEqual(["saved", "saved", "saved", "out-of-order"]);
    expect((await store.lookup(aor)).map(({ cseq }) => cseq)).toEqual([3]);
  });

  test("two concurrent writers never exceed the limit or lose a binding", async () => {
    const aor = freshAor();
    const saves = Array.from({ length: 60 }, (_, host) => {
      const put = [plainBinding(store, `sip:bob@192.0.2.${host}`, { aor })];
      return (host % 2 === 0 ? store : other).save(aor, operation({ put, maxContacts: 10 }));
    });
    const outcomes = (await Promise.all(saves)).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === "saved")).toHaveLength(10);
    expect(await store.lookup(aor)).toHaveLength(10);
  });

  test("strange names are not confused", async () => {
    const names = ["sip:a}{b@example.org", "sip:a@example.org", "sip:a%00@example.org", "sip:{@example.org", "sip:}@example.org", AOR];
    for (const aor of names) await saved(aor, plainBinding(store, "sip:bob@192.0.2.1", { aor, callId: aor }));
    for (const aor of names) expect((await other.lookup(aor)).map(({ callId }) => callId)).toEqual([aor]);
  });
});
