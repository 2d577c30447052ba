/** What the shards and the store report, as events; and what does not get into the history. */
import { expect, test } from "vitest";
import { Gate } from "../../../src/history/gate.js";
import { ofBinding, ofShard } from "../../../src/history/readings.js";
import { UpstreamWatch } from "../../../src/history/upstream-watch.js";
import type { NewsRow } from "../../../src/native/inspect.js";
import { Counter, Event } from "../../../src/native/layout.js";

const NOW = 1_000_000;
const row = (facts: Partial<NewsRow>): NewsRow => ({ event: Event.callFailed, agoMs: 100, number: 0, lastedMs: 0, address: "192.0.2.9", port: 5060, text: "", ...facts });
const failure = (start: string, lines = ""): string => `SIP/2.0 ${start}\r\nf: Alice <sip:alice@EXAMPLE.com:5070;user=phone>;tag=1\r\nTo: sip:bob@example.com;tag=2\r\nCall-ID: c@h\r\nCSeq: 7 INVITE\r\n${lines}\r\n`;

test("a failed call: who, whom, which, why, and who said so", () => {
  expect(ofShard(row({ text: failure("486 Busy Here", 'Reason: Q.850;cause=17\r\nWarning: 399 pbx "in a meeting"\r\n') }), NOW)).toEqual({
    kind: "call-failed", at: NOW - 100, from: "sip:alice@example.com", to: "sip:bob@example.com", callId: "c@h", status: 486, reason: "Busy Here", hop: "192.0.2.9:5060", address: undefined,
    why: 'Q.850;cause=17; 399 pbx "in a meeting"',
  });
  expect(ofShard(row({ event: Event.callRefused, text: failure("503 Service Unavailable") }), NOW)).toMatchObject({ hop: "sluice", address: "192.0.2.9:5060", status: 503 });
  expect(ofShard(row({ text: "INVITE sip:x SIP/2.0\r\n\r\n" }), NOW)).toBeUndefined();
  // Whatever a stranger writes stays on its line and short.
  const hostile = ofShard(row({ text: failure(`486 ${"\x1b[2J".repeat(200)}`) }), NOW);
  expect(hostile?.reason).toMatch(/^[ -~]{1,121}…?$/);
});

test("registrations and flows of an edge", () => {
  expect(ofShard(row({ event: Event.flowRegistered, number: 2, text: "sip:alice@EXAMPLE.com\nurn:uuid:1" }), NOW)).toMatchObject({ kind: "registered", aor: "sip:alice@example.com", instance: "urn:uuid:1", regId: 2, address: "192.0.2.9:5060" });
  expect(ofShard(row({ event: Event.flowLost, number: Counter.flowsExpired, lastedMs: 4_000, text: "sip:alice@example.com\n" }), NOW)).toMatchObject({ kind: "flow-dead", why: "no sign of life in time", lastedMs: 4_000, instance: undefined });
  expect(ofBinding({ event: 4, agoMs: 0, regId: 0, aor: "sip:a@b", contact: "sip:a@c", instance: "", userAgent: "", callId: "x" }, NOW)).toMatchObject({ kind: "removed", why: "its flow is gone", regId: undefined });
});

test("a response that comes again is one event, and a stranger has few", () => {
  const gate = new Gate();
  const call = { kind: "call-failed", at: NOW, callId: "c@h", from: "sip:a@b", status: 486, hop: "192.0.2.9:5060" } as const;
  expect([gate.admits(call), gate.admits({ ...call, at: NOW + 4_000 }), gate.admits({ ...call, status: 404 }), gate.admits({ ...call, at: NOW + 90_000 })]).toEqual([true, false, true, true]);
  const refusals = Array.from({ length: 50 }, (_, at) => gate.admits({ ...call, callId: `s${at}`, hop: "sluice", address: `[2001:db8:1:2::${at.toString(16)}]:5060` }));
  // At most two in each second that passes.
  expect(refusals.filter(Boolean).length).toBeLessThanOrEqual(6);
  expect(gate.takeSuppressed()).toBeGreaterThanOrEqual(44);
  // Others are not affected.
  expect(gate.admits({ ...call, callId: "other", hop: "sluice", address: "198.51.100.1:5060" })).toBe(true);
});

test("failed calls that others answer are bounded as well, on average", () => {
  let now = 0;
  const gate = new Gate(() => now);
  let calls = 0;
  const admitted = (count: number): number => Array.from({ length: count }, () => gate.admits({ kind: "call-failed", at: now, callId: `f${(calls += 1)}`, from: "sip:a@b", status: 404, hop: "192.0.2.9:5060" })).filter(Boolean).length;
  expect(admitted(5_000)).toBe(2_000);
  expect(gate.takeSuppressed()).toBe(3_000);
  now += 10_000;
  expect(admitted(5_000)).toBe(200);
});

test("an upstream is down when the first shard says so, and up when none does any more", () => {
  const watch = new UpstreamWatch();
  const say = (shard: number, event: number): readonly string[] => watch.take(shard, [{ event, address: "192.0.2.1", port: 5060, number: 0, sample: Buffer.alloc(0) }]).map(({ kind }) => kind);
  expect([say(0, Event.upstreamDown), say(1, Event.upstreamDown), say(0, Event.upstreamUp), say(1, Event.upstreamUp), say(1, Event.upstreamUp)]).toEqual([["upstream-down"], [], [], ["upstream-up"], []]);
  say(0, Event.upstreamDown);
  watch.forget(0);
  expect(say(1, Event.upstreamDown)).toEqual(["upstream-down"]);
});
