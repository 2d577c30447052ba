/** Authorization and Proxy-Authorization headers (RFC 3261 25.1, RFC 7616 3.4). */
import { splitHeaderList } from "../sip/header-list.js";
import { unquote } from "../sip/quoted-string.js";

/** Octets as latin1 characters, quotes and their escapes undone. */
export interface DigestCredentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  /** Upper case; MD5 when absent (RFC 7616 3.4). */
  readonly algorithm: string;
  /** Lower case; undefined: digest without qop (RFC 2069). */
  readonly qop: string | undefined;
  /** Eight hexadecimal digits; "" without qop. */
  readonly nc: string;
  readonly cnonce: string;
}

const SCHEME = /^digest[ \t]+/i;
const MAX_CHARACTERS = 4_096;

/** Undefined: another scheme, or incomplete credentials. Unknown parameters are ignored. */
export function readCredentials(header: string): DigestCredentials | undefined {
  const scheme = SCHEME.exec(header)?.[0];
  const parts = scheme === undefined || header.length > MAX_CHARACTERS ? undefined : splitHeaderList(header.slice(scheme.length));
  if (parts === undefined) return undefined;
  const values = new Map<string, string>();
  for (const part of parts) {
    const equals = part.indexOf("=");
    const name = part.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    // Given twice, it could mean one thing to us and another to the next hop.
    if (name === "" || values.has(name)) return undefined;
    values.set(name, unquote(part.slice(equals + 1).trim()));
  }
  const [username, realm, nonce, uri, response] = ["username", "realm", "nonce", "uri", "response"].map((name) => values.get(name));
  if (username === undefined || realm === undefined || nonce === undefined || uri === undefined || response === undefined) return undefined;
  const qop = values.get("qop")?.toLowerCase();
  const [nc = "", cnonce = ""] = [values.get("nc"), values.get("cnonce")];
  if (qop !== undefined && (!/^[0-9a-f]{8}$/i.test(nc) || cnonce === "")) return undefined;
  return { username, realm, nonce, uri, response, algorithm: (values.get("algorithm") ?? "MD5").toUpperCase(), qop, nc, cnonce };
}
