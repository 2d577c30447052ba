import fc from "fast-check";
import { expect, test } from "vitest";
import { printable, visible } from "../../../src/base/printable.js";

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

test("a terminal gets nothing to obey, and readable text stays as it is", () => {
  expect(visible("a\u001b[2J\u009b1m\u007f\u202eé\n\t")).toBe("a\\u001b[2J\\u009b1m\\u007f\\u202eé\\u000a\\u0009");
  expect(visible("a\n\tb\r", "\n\t")).toBe("a\n\tb\\u000d");
  expect(JSON.parse(visible(JSON.stringify(["\u001b\u009b\u202e"], null, 2), "\n"))).toEqual(["\u001b\u009b\u202e"]);
});
