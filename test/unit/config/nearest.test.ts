import fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance, nearest } from "../../../src/config/nearest.js";

const NAMES = ["SLUICE_LISTEN", "SLUICE_CORE_LISTEN", "SLUICE_UPSTREAM", "SLUICE_SHARDS"];

test.each([
  ["SLUICE_LISTNE", "SLUICE_LISTEN"],
  ["SLUICE_UPSTREAMS", "SLUICE_UPSTREAM"],
  ["SLUICE_SHARD", "SLUICE_SHARDS"],
  ["SLUICE_CORELISTEN", "SLUICE_CORE_LISTEN"],
])("%s means %s", (name, meant) => {
  expect(nearest(name, NAMES)).toBe(meant);
});

test("a name that resembles none matches none", () => {
  expect(nearest("SLUICE_ENTIRELY_DIFFERENT", NAMES)).toBeUndefined();
});

test("the distance is symmetric, zero only to itself, and never exceeds the longer text", () => {
  const word = fc.stringMatching(/^[A-C]{0,8}$/);
  fc.assert(
    fc.property(word, word, (one, other) => {
      const distance = editDistance(one, other);
      expect(distance).toBe(editDistance(other, one));
      expect(distance === 0).toBe(one === other);
      expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length));
      expect(distance).toBeGreaterThanOrEqual(Math.abs(one.length - other.length));
    }),
  );
});
