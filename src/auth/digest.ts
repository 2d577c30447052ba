/** The arithmetic of digest (RFC 7616 3.4 and 3.5). Text is octets as latin1 characters. */
import { hash, timingSafeEqual } from "node:crypto";
import type { DigestCredentials } from "./credentials.js";

/** The algorithms on offer, by their names in challenges (RFC 8760 2.1). */
export type DigestAlgorithm = "SHA-256" | "MD5";

export const HEX_DIGITS = { "SHA-256": 64, MD5: 32 } as const;

/** Whether the credentials were made with that HA1, the hash of `user:realm:password`. Takes the same time either way. */
export function provesHa1(credentials: DigestCredentials, algorithm: DigestAlgorithm, ha1: string, method: string): boolean {
  const { nonce, nc, cnonce, qop, uri, response } = credentials;
  const ha2 = digest(algorithm, `${method}:${uri}`);
  // Without qop it is the digest of RFC 2069, which old devices still send.
  const middle = qop === undefined ? nonce : `${nonce}:${nc}:${cnonce}:${qop}`;
  const expected = Buffer.from(digest(algorithm, `${ha1.toLowerCase()}:${middle}:${ha2}`), "latin1");
  const given = Buffer.from(response.toLowerCase(), "latin1");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Lower-case hexadecimal digits. */
function digest(algorithm: DigestAlgorithm, text: string): string {
  return hash(algorithm === "MD5" ? "md5" : "sha256", Buffer.from(text, "latin1"), "hex");
}
