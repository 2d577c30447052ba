/**
 * URIs made comparable (RFC 3261 19.1.4). A key is text, so that a store outside JavaScript can compare it too: first what must be
 * equal in both URIs, then, each after a space, the parameters that count only if both URIs have them.
 */
import type { SipUri } from "./uri.js";

// If only one URI has them, these make a difference (transport by the examples of 19.1.4).
const DECISIVE = new Set(["transport", "user", "ttl", "method", "maddr"]);
// Neither occurs in a URI that parseUri accepts.
const FIELD = ">";
const PARAMETER = " ";

/** The key of a URI. Keys of equivalent URIs are not always the same text: ask `sameUriKey`. */
export function uriKey({ scheme, user, password, host, port, parameters, headers }: SipUri): string {
  // Of equal names the first counts, as in findParameter.
  const first = new Map<string, string>();
  for (const { name, value = "" } of parameters) if (!first.has(name)) first.set(name, unescapeUri(value));
  const pairs = [...first].map(([name, value]) => ({ name, text: `${name}=${name === "method" ? value : value.toLowerCase()}` }));
  const decisive = pairs.filter(({ name }) => DECISIVE.has(name)).map(({ text }) => text);
  const optional = pairs.filter(({ name }) => !DECISIVE.has(name)).map(({ text }) => text);
  const fields = [
    scheme,
    user === undefined ? "" : unescapeUri(user),
    password === undefined ? "" : `:${unescapeUri(password)}`,
    host,
    String(port ?? ""),
    decisive.sort().join(";"),
    headers === undefined ? "" : `?${headersKey(headers)}`,
  ];
  return [fields.join(FIELD), ...new Set(optional.sort())].join(PARAMETER);
}

/** Whether the keys are those of equivalent URIs. */
export function sameUriKey(one: string, other: string): boolean {
  if (one === other) return true;
  const [base, ...parameters] = one.split(PARAMETER);
  const [otherBase, ...others] = other.split(PARAMETER);
  if (base !== otherBase) return false;
  const values = new Map(others.map(nameAndText));
  return parameters.map(nameAndText).every(([name, text]) => (values.get(name) ?? text) === text);
}

function nameAndText(parameter: string): readonly [string, string] {
  return [parameter.slice(0, parameter.indexOf("=")), parameter];
}

function headersKey(headers: string): string {
  const pairs = headers.split("&").map((pair) => {
    const equals = pair.indexOf("=");
    return equals < 0 ? pair.toLowerCase() : pair.slice(0, equals).toLowerCase() + unescapeUri(pair.slice(equals));
  });
  return pairs.sort().join("&");
}

// An escaped reserved character differs from an unescaped one; all others are equal (19.1.4 and RFC 2396 2.2).
const UNRESERVED = /^[a-z0-9\-_.!~*'()]$/i;

/** Undoes the escapes that change nothing, and writes the others in upper case. */
export function unescapeUri(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
}
