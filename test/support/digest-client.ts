/** The client side of digest (RFC 7616 3.4), written separately so that it does not share the server's mistakes. */
import { createHash } from "node:crypto";

export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly algorithm: string;
  readonly stale: boolean;
}

export interface Login {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  readonly uri: string;
  readonly nc?: number;
  /** Without it the digest follows RFC 2069. */
  readonly qop?: string | undefined;
}

export function readChallenge(header: string): Challenge {
  const value = (name: string): string => new RegExp(`${name}="?([^",]*)"?`).exec(header)?.[1] ?? "";
  return { realm: value("realm"), nonce: value("nonce"), algorithm: value("algorithm"), stale: value("stale") === "true" };
}

export function hashOf(algorithm: string, text: string): string {
  return createHash(algorithm === "MD5" ? "md5" : "sha256").update(text, "latin1").digest("hex");
}

/** The value of an Authorization header. */
export function authorization({ realm, nonce, algorithm }: Challenge, login: Login): string {
  const { user, password, method, uri, nc = 1, qop = "auth" } = login;
  const count = nc.toString(16).padStart(8, "0");
  const [ha1, ha2] = [hashOf(algorithm, `${user}:${realm}:${password}`), hashOf(algorithm, `${method}:${uri}`)];
  const hasQop = !("qop" in login) || login.qop !== undefined;
  const response = hashOf(algorithm, hasQop ? `${ha1}:${nonce}:${count}:cn:${qop}:${ha2}` : `${ha1}:${nonce}:${ha2}`);
  const name = user.replace(/["\\]/g, "\\$&");
  const tail = hasQop ? `, qop=${qop}, nc=${count}, cnonce="cn"` : "";
  return `Digest username="${name}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}${tail}`;
}
