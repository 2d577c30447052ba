import fc from "fast-check";
import { expect, test } from "vitest";
import { integer } from "../../../src/config/integer.js";
import { complaintOf } from "./expecting.js";

test("every whole number within the bounds is read, and no other", () => {
  const kind = integer(10, 5_000);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 100_000 }), (value) => {
      if (value >= 10 && value <= 5_000) expect(kind.parse(String(value))).toBe(value);
      else expect(complaintOf(kind, String(value))).toBe("a whole number from 10 to 5000");
    }),
  );
});

test.each(["-1", "1.5", "1e3", "0x10", " 7", "7s", "९", "999999999999999999999"])("%j is not a whole number", (text) => {
  expect(complaintOf(integer(0, 1_000_000), text)).toContain("whole number");
});
