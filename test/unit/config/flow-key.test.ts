import fc from "fast-check";
import { expect, test } from "vitest";
import { flowKey } from "../../../src/config/flow-key.js";
import { complaintOf } from "./expecting.js";

test("OB-5.2-2 a key of 160 bits or more is read, padded or not, in either alphabet", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 63 }), fc.uint8Array({ minLength: 20, maxLength: 128 }), (id, octets) => {
      for (const code of ["base64", "base64url"] as const) {
        const { id: read, key } = flowKey.parse(`${id}:${Buffer.from(octets).toString(code)}`);
        expect(read).toBe(id);
        expect(Buffer.from(key)).toEqual(Buffer.from(octets));
      }
    }),
  );
});

test("OB-5.2-2 a shorter key is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 19 }), (octets) => {
      expect(complaintOf(flowKey, `1:${Buffer.from(octets).toString("base64")}`)).toBe("a key of 20 to 128 octets after the key id 1");
    }),
  );
});

test.each(["", "secret", ":c2VjcmV0", "64:c2VjcmV0", "x:c2VjcmV0", "1:c2Vj cmV0", "1:c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0a"])(
  "%j is refused, and the complaint repeats nothing of it",
  (text) => {
    const complaint = complaintOf(flowKey, text);
    expect(complaint).toMatch(/^(ID:BASE64|whole base64|a key of)/);
    expect(complaint).not.toContain("c2V");
    expect(complaint).not.toContain("secret");
  },
);
