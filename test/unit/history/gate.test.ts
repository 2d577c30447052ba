/** Who may fill the history, and who may not. */
import { expect, test } from "vitest";
import type { Happening } from "../../../src/history/event.js";
import { Gate } from "../../../src/history/gate.js";

const HOUR = 3_600_000;

/** How many of the events of an hour are admitted. */
function admitted(events: number, eventOf: (at: number) => Partial<Happening>): number {
  let now = 0;
  const gate = new Gate(() => now);
  let count = 0;
  for (let at = 0; at < events; at += 1) {
    now = (at * HOUR) / events;
    if (gate.admits({ kind: "registered", at: now, ...eventOf(at) })) count += 1;
  }
  expect(count + gate.takeSuppressed()).toBe(events);
  return count;
}

test("a device that registers and leaves again and again, under one address of record, has a share of the history", () => {
  const kinds = ["registered", "moved", "removed", "expired", "flow-dead"] as const;
  const count = admitted(36_000, (at) => ({ kind: kinds[at % kinds.length] ?? "registered", aor: "sip:mallory@example.org" }));
  expect(count).toBeGreaterThan(60);
  expect(count).toBeLessThanOrEqual(60 + 3_600 / 20);
});

test("everybody's registrations after a restart are in the history, however many devices there are", () => {
  expect(admitted(30_000, (at) => ({ aor: `sip:user${at}@example.org` }))).toBe(30_000);
  // Five devices of each of 3,000 users, which register at the same time and lose their flows at the same time.
  expect(admitted(30_000, (at) => ({ kind: at < 15_000 ? "registered" : "flow-dead", aor: `sip:user${at % 3_000}@example.org` }))).toBe(30_000);
});

test("failed logins from ever new networks do not push yesterday out", () => {
  const count = admitted(100_000, (at) => ({ kind: "login-failed", address: `2001:db8:${(at >> 16).toString(16)}:${(at & 0xffff).toString(16)}::1`, user: "bob" }));
  expect(count).toBeGreaterThan(2_000);
  expect(count).toBeLessThanOrEqual(2_000 + 20 * 3_600);
});
