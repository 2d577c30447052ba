import fc from "fast-check";
import { expect, test } from "vitest";
import { NonceCounts } from "../../../src/auth/nonce-counts.js";

test("AU-9 no count is taken twice, whatever the order", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 200 }), (counts) => {
      const memory = new NonceCounts();
      const taken = new Set<number>();
      let highest = 0;
      for (const count of counts) {
        const expected = count > 0 && !taken.has(count) && count > highest - 32;
        expect(memory.use("nonce", count)).toBe(expected);
        if (!expected) continue;
        taken.add(count);
        highest = Math.max(highest, count);
      }
    }),
  );
});

test("AU-9 the memory is bounded, and the nonces used last are in it", () => {
  const memory = new NonceCounts(100);
  for (let nonce = 0; nonce < 10_000; nonce += 1) {
    expect(memory.use(`n${nonce}`, 1)).toBe(true);
    if (nonce > 100) expect(memory.use(`n${nonce - 50}`, 1)).toBe(false);
  }
});
