/** Whose a request may be: the addresses in it against the user who proved himself (RFC 3261 10.3 step 4 and 22.1). */
import { parseNameAddr } from "../sip/name-addr.js";
import { parseUri } from "../sip/uri.js";
import { unescapeUri } from "../sip/uri-key.js";

/** Whether an address in From or To is that user's in one of the domains. A user may be named with or without the domain. */
export function isAddressOf(header: string | undefined, user: string, domains: readonly string[]): boolean {
  const uri = parseUri(parseNameAddr(header ?? "")?.uri ?? "");
  if (uri?.user === undefined || !domains.includes(uri.host)) return false;
  const name = unescapeUri(uri.user);
  return sameName(name, user) || sameName(`${name}@${uri.host}`, user);
}

// A user part writes octets that it cannot hold as escapes; credentials hold them as they are.
function sameName(escaped: string, user: string): boolean {
  const plain = escaped.replace(/%[0-9A-F]{2}/g, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
  return plain === user;
}
