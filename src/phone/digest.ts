/** A phone's answer to a digest challenge (RFC 7616, RFC 3261 22). */
import { createHash, randomBytes } from "node:crypto";

const HASHES: Readonly<Record<string, string>> = { md5: "md5", "sha-256": "sha256" };

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The value of Authorization, or undefined for a challenge that this cannot answer. */
export function answerChallenge(challenge: string, method: string, uri: string, { user, password }: Credentials): string | undefined {
  if (!/^digest\b/i.test(challenge)) return undefined;
  const given = (name: string): string | undefined => new RegExp(`[\\s,]${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,]+))`, "i").exec(challenge)?.slice(1, 3).find((part) => part !== undefined);
  const algorithm = given("algorithm") ?? "MD5";
  const hash = HASHES[algorithm.toLowerCase()];
  const [realm, nonce] = [given("realm"), given("nonce")];
  if (hash === undefined || realm === undefined || nonce === undefined) return undefined;
  const digest = (text: string): string => createHash(hash).update(text).digest("hex");
  const qop = given("qop")?.split(",").map((word) => word.trim()).includes("auth") ? "auth" : undefined;
  const cnonce = randomBytes(8).toString("hex");
  const [secret, what] = [digest(`${user}:${realm}:${password}`), digest(`${method}:${uri}`)];
  const response = digest(qop ? `${secret}:${nonce}:00000001:${cnonce}:auth:${what}` : `${secret}:${nonce}:${what}`);
  const opaque = given("opaque");
  return [
    `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}`,
    ...(qop ? [`qop=auth, nc=00000001, cnonce="${cnonce}"`] : []),
    ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
  ].join(", ");
}
