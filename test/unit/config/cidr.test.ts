import fc from "fast-check";
import { expect, test } from "vitest";
import { cidr } from "../../../src/config/cidr.js";
import { complaintOf } from "./expecting.js";

test.each([
  ["10.0.0.0/8", { address: "10.0.0.0", family: 4, prefix: 8, port: undefined }],
  ["127.0.0.1", { address: "127.0.0.1", family: 4, prefix: 32, port: undefined }],
  ["127.0.0.1:5070", { address: "127.0.0.1", family: 4, prefix: 32, port: 5070 }],
  ["10.0.0.0/8:5060", { address: "10.0.0.0", family: 4, prefix: 8, port: 5060 }],
  ["0.0.0.0/0", { address: "0.0.0.0", family: 4, prefix: 0, port: undefined }],
  ["::1", { address: "::1", family: 6, prefix: 128, port: undefined }],
  ["[::1]:5070", { address: "::1", family: 6, prefix: 128, port: 5070 }],
  ["FD00::/8", { address: "fd00::", family: 6, prefix: 8, port: undefined }],
  ["[fd00::]/8", { address: "fd00::", family: 6, prefix: 8, port: undefined }],
  ["[fd00::/8]:5060", { address: "fd00::", family: 6, prefix: 8, port: 5060 }],
  ["::ffff:10.0.0.1", { address: "::ffff:10.0.0.1", family: 6, prefix: 128, port: undefined }],
])("%s", (text, value) => {
  expect(cidr.parse(text)).toEqual(value);
});

test("every address is a network of full length", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      const { prefix, family } = cidr.parse(address);
      expect(prefix).toBe(family === 4 ? 32 : 128);
    }),
  );
});

test("an address with bits set beyond the prefix is refused, its network is not", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 31 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }), (prefix, bits) => {
      const rest = 2 ** (32 - prefix);
      const show = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join(".");
      const base = bits - (bits % rest);
      expect(cidr.parse(`${show(base)}/${prefix}`).prefix).toBe(prefix);
      if (bits !== base) expect(complaintOf(cidr, `${show(bits)}/${prefix}`)).toContain(`after the /${prefix}`);
    }),
  );
});

test.each(["", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "fd00::1/8", "host/8", "10.0.0", "10.0.0.1:0", "10.0.0.1:x", "[::1]x", "fe80::1%1"])(
  "%j is refused",
  (text) => {
    expect(complaintOf(cidr, text)).toMatch(/^(an address|a prefix|a port)/);
  },
);
