/** Which flow of a device is tried first (RFC 5626 7). */
import { expect, test } from "vitest";
import type { Binding } from "../../../src/location/binding.js";
import { type Reach, devicesOf } from "../../../src/proxy/target.js";

const flow = (regId: number, updatedAt: number): Binding => ({
  aor: "sip:bob@example.org",
  key: `f${regId} urn:x:phone`,
  contactUri: `sip:bob@192.0.2.${regId}`,
  contactParams: "",
  instance: "urn:x:phone",
  regId,
  path: [],
  q: 1_000,
  expiresAt: 3_600_000,
  updatedAt,
  callId: "call",
  cseq: 1,
  outbound: true,
});

/** The order in which they are tried; the store names the most recently registered one last. */
function order(bindings: readonly Binding[], silent: readonly number[] = []): readonly (number | undefined)[] {
  const [device] = devicesOf(new Map<Binding, Reach>(bindings.map((one) => [one, "contact"])), ({ regId }) => silent.includes(regId ?? 0));
  return device?.targets.map(({ binding }) => binding?.regId) ?? [];
}

test("OB-7-12 the most recent flow of a device is tried first, and of two of the same millisecond the later one", () => {
  expect(order([flow(1, 1_000), flow(2, 2_000), flow(3, 3_000)])).toEqual([3, 2, 1]);
  expect(order([flow(2, 1_000), flow(1, 1_000)])).toEqual([1, 2]);
});

test("a flow that stayed silent a moment ago is tried last, however recent", () => {
  expect(order([flow(1, 1_000), flow(2, 2_000), flow(3, 2_000)], [3])).toEqual([2, 1, 3]);
});
