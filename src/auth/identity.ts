/** Checks the addresses in a request against the authenticated user (RFC 3261 10.3 step 4 and 22.1). */
import type { Domains } from "../sip/domains.js";
import { parseNameAddr } from "../sip/name-addr.js";
import { type SipUri, parseUri, schemeOf } from "../sip/uri.js";
import { unescapeUri } from "../sip/uri-key.js";

/** A user by the name and realm of the credentials. */
export interface Identity {
  readonly user: string;
  readonly realm: string;
}

/** Whether an address in From or To is that user's. A user may be named with or without the domain. */
export function isAddressOf(header: string | undefined, { user, realm }: Identity, domains: Domains): boolean {
  const uri = uriOfHeader(header);
  return uri !== undefined && domains.realmOf(uri) === realm && userNames(uri, realm).includes(user);
}

/** The SIP URI in From or To; undefined: there is none. */
export function uriOfHeader(header: string | undefined): SipUri | undefined {
  return parseUri(parseNameAddr(header ?? "")?.uri ?? "");
}

/** The usernames that the user of that address may have in credentials: with and without the domain. Empty without a user part. */
export function userNames({ user, host }: SipUri, realm: string): readonly string[] {
  if (user === undefined) return [];
  // A user part escapes octets that it may not contain; credentials hold them as they are.
  const name = unescapeUri(user).replace(/%[0-9A-F]{2}/g, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
  return [name, ...new Set([`${name}@${realm}`, `${name}@${host}`])];
}

/** A From without a name: "Anonymous" <sip:anonymous@anonymous.invalid> (RFC 3323 4.1.1.3). */
export function isAnonymous(header: string | undefined): boolean {
  const host = uriOfHeader(header)?.host;
  return host === "anonymous.invalid" || host?.endsWith(".anonymous.invalid") === true;
}

/** The number of a tel: From without visual separators (RFC 3966 5.1.1); undefined: it is not a tel: URI. */
export function telephoneNumber(header: string | undefined): string | undefined {
  const text = parseNameAddr(header ?? "")?.uri ?? "";
  if (schemeOf(text) !== "tel") return undefined;
  const number = text.slice("tel:".length).split(";")[0]?.replace(/[-.()]/g, "") ?? "";
  return /^\+?[0-9a-f*#]{1,64}$/i.test(number) ? number : undefined;
}
