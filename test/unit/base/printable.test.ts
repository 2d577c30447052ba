import fc from "fast-check";
import { expect, test } from "vitest";
import { printable } from "../../../src/base/printable.js";

test("control octets, backslashes and octets above ASCII are escaped", () => expect(printable("a\r\n\\\u0000ü")).toBe("a\\r\\n\\\\\\x00\\xc3\\xbc"));

test("whatever comes in, printable ASCII goes out, at most 200 characters plus the truncation mark", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), (octets) => {
      expect(printable(octets)).toMatch(/^[\x20-\x7e]{0,200}…?$/);
    }),
  );
});

test("an escape is never cut in two", () => {
  expect(printable(new Uint8Array(100), 10)).toBe("\\x00\\x00…");
});

test("text that fits is not marked as truncated", () => {
  expect(printable("x".repeat(200))).toBe("x".repeat(200));
  expect(printable("x".repeat(201))).toBe(`${"x".repeat(200)}…`);
});
