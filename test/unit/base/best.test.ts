import { expect, test } from "vitest";
import { Best } from "../../../src/base/best.js";

test("keeps the best in order, whatever comes, and says what is not good enough any more", () => {
  const best = new Best<number>(3, (one, other) => other - one);
  expect(best.bar).toBeUndefined();
  for (const number of [5, 1, 9, 7, 7, 2, 8]) best.add(number);
  expect(best.list).toEqual([9, 8, 7]);
  expect(best.bar).toBe(7);
  best.add(7);
  expect(best.list).toEqual([9, 8, 7]);
});
