import { expect, test } from "vitest";
import { commaList } from "../../../src/config/comma-list.js";
import { integer } from "../../../src/config/integer.js";
import { complaintOf } from "./expecting.js";

const numbers = commaList(integer(0, 99), { most: 3, sameness: String });

test("blanks around a comma are ignored, and the order is kept", () => {
  expect(numbers.parse("3, 1 ,2")).toEqual([3, 1, 2]);
});

test.each([
  ["1,,2", "no empty value"],
  ["1,", "no empty value"],
  ["1,2,3,4", "at most 3 values"],
  ["7,8,07", "each value once, but 7 is there twice"],
  ["1,100", "a whole number from 0 to 99"],
])("%s is refused", (text, complaint) => {
  expect(complaintOf(numbers, text)).toContain(complaint);
});
