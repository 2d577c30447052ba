/** Whose a request may be: the addresses in it against the user who proved himself (RFC 3261 10.3 step 4 and 22.1). */
import { parseNameAddr } from "../sip/name-addr.js";
import { type SipUri, parseUri } from "../sip/uri.js";
import { unescapeUri } from "../sip/uri-key.js";

/** Whether an address in From or To is that user's in one of the domains. A user may be named with or without the domain. */
export function isAddressOf(header: string | undefined, user: string, domains: readonly string[]): boolean {
  const uri = parseUri(parseNameAddr(header ?? "")?.uri ?? "");
  return uri !== undefined && domains.includes(uri.host) && userNames(uri).includes(user);
}

/** What the user of that address may be called in credentials: with and without the domain. Empty without a user part. */
export function userNames({ user, host }: SipUri): readonly string[] {
  if (user === undefined) return [];
  // A user part writes octets that it cannot hold as escapes; credentials hold them as they are.
  const name = unescapeUri(user).replace(/%[0-9A-F]{2}/g, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
  return [name, `${name}@${host}`];
}
