/** The lines that C++ writes of bindings are those that TypeScript would write. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { kindOfBinding, ofBinding } from "../../../src/history/readings.js";
import type { HistoryEvent } from "../../../src/history/event.js";
import { NativeStore } from "../../../src/location/native-store.js";
import { flowBinding, operation } from "../../support/bindings.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-lines-"));
const room = Buffer.alloc(16_384);
let store: NativeStore;

beforeAll(async () => {
  store = await NativeStore.open(folder);
  store.wantNews(true);
});

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Told {
  readonly lines: readonly string[];
  readonly events: readonly HistoryEvent[];
}

function told(from: number, now: number): Told {
  const lines: string[] = [];
  const events: HistoryEvent[] = [];
  for (;;) {
    const part = store.news("run", from + events.length, now, true, room);
    if (part.count === 0) return { lines, events };
    const text = room.toString("utf8", 0, part.octets);
    expect(text.endsWith("\n")).toBe(true);
    lines.push(...text.slice(0, -1).split("\n"));
    for (const row of part.rows ?? []) events.push({ id: `run-${(from + events.length).toString(36)}`, ...ofBinding(row, now) });
  }
}

const AWKWARD = ['"', "\\", "\n", "\r", "\t", "\0", "\x1f", " ", "~", "\x7f", "\x80", "\xe2", "\xff", "/", "<"];
const octet = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) }, fc.constantFrom(...AWKWARD));
const text = fc.oneof(fc.array(octet, { maxLength: 60 }), fc.array(octet, { minLength: 190, maxLength: 210 }), fc.array(fc.constantFrom(...AWKWARD), { minLength: 40, maxLength: 300 })).map((octets) => octets.join(""));

test("a binding that comes, moves, and goes in each way is the same line from C++ as from TypeScript, whatever its texts hold", async () => {
  let from = 1;
  await fc.assert(
    fc.asyncProperty(text, text, text, text, text, fc.integer({ min: 0, max: 0xffff_ffff }), async (user, contactUri, instance, userAgent, callId, regId) => {
      // One that has no history yet, of which it may have only so much.
      const [aor, flow] = [`sip:${from} ${user}`, `f${from}`];
      const put = (facts: object): Promise<unknown> => store.save(aor, operation({ callId, cseq: (from += 1), put: [{ ...flowBinding(store, "urn:uuid:1", 1, { aor, callId, cseq: from, flow }), contactUri, instance, userAgent, regId, ...facts }] }));
      const bare = { contactUri: `!${contactUri}`, instance: "", userAgent: "" };
      await put({});
      await put(bare);
      await store.save(aor, operation({ callId, cseq: (from += 1), everything: true }));
      await put({});
      await store.removeFlow(flow);
      await put(bare);
      for (const { key } of await store.lookup(aor)) await store.remove(aor, key);
      await put({ expiresAt: store.now() - 1 });
      const now = Date.now();
      const { lines, events } = told(from, now);
      expect(lines).toEqual(events.map((event) => JSON.stringify(event)));
      expect(events.map(({ kind }) => kind).slice(0, 6)).toEqual(["registered", "moved", "removed", "registered", "removed", "registered"]);
      expect(Buffer.byteLength(lines.join("\n"))).toBeLessThan(events.length * 2_600);
      from += events.length;
    }),
    { numRuns: 150 },
  );
});

test("without anybody who wants them there are no lines, but events are counted; objects are made only on request", async () => {
  told(1, 0);
  const put = (aor: string): Promise<unknown> => store.save(aor, operation({ put: [flowBinding(store, "urn:uuid:2", 1, { aor })] }));
  await put("sip:one@h");
  const listed = store.news("run", 1, 0, false, room);
  expect(listed).toMatchObject({ count: 1, lost: 0, suppressed: 0 });
  expect(listed.rows).toBeUndefined();
  store.wantNews(false);
  await put("sip:two@h");
  const counted = store.news("run", 1, 0, true, room);
  expect(counted.count).toBe(0);
  expect(counted.counts?.map((count, event) => [kindOfBinding(event), count] as const).filter(([, count]) => count > 0)).toEqual([["registered", 1]]);
  store.wantNews(true);
});
