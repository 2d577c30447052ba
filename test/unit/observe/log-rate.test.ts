import { expect, test } from "vitest";
import { LogRate } from "../../../src/observe/log-rate.js";

test("a key has a number of lines per second, and the rest is counted", () => {
  let now = 0;
  const rate = new LogRate({ perSecond: 2, now: () => now });
  expect([1, 2, 3, 4].map(() => rate.allows("10.0.0.1"))).toEqual([true, true, false, false]);
  expect(rate.allows("10.0.0.2")).toBe(true);
  now = 1_000;
  expect(rate.allows("10.0.0.1")).toBe(true);
  expect(rate.takeSuppressed()).toBe(2);
  expect(rate.takeSuppressed()).toBe(0);
});

test("keys beyond the cap share one, so a flood of sources does not write a flood of lines", () => {
  const rate = new LogRate({ perSecond: 1, mostKeys: 10, now: () => 0 });
  const written = Array.from({ length: 1_000 }, (_, index) => rate.allows(`source ${index}`)).filter(Boolean);
  expect(written).toHaveLength(11);
});
