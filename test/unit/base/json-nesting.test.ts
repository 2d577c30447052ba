import { expect, test } from "vitest";
import { JsonNesting } from "../../../src/base/json-nesting.js";

const isWithin = (most: number, ...parts: readonly string[]): boolean => {
  const nesting = new JsonNesting();
  return parts.every((part) => nesting.isWithin(most, part));
};

test("brackets and braces count while they are open, wherever the text is cut", () => {
  expect(isWithin(3, '{"a":[[1],[2],{}]}')).toBe(true);
  expect(isWithin(2, '{"a":[[1],[2],{}]}')).toBe(false);
  expect(isWithin(2, '{"a":', "[", "[")).toBe(false);
  expect(isWithin(1, "[],".repeat(100))).toBe(true);
});

test("what stands in a string does not count, escaped quotes and a cut in the middle of an escape included", () => {
  expect(isWithin(1, '["[[[{{{"]')).toBe(true);
  expect(isWithin(1, '["\\"[[["]')).toBe(true);
  expect(isWithin(1, '["\\', '"[[["]')).toBe(true);
  expect(isWithin(1, '["\\\\",[]]')).toBe(false);
});

test("four megabytes of brackets end at once", () => {
  const began = performance.now();
  expect(isWithin(16, "[".repeat(4 << 20))).toBe(false);
  expect(performance.now() - began).toBeLessThan(500);
});
