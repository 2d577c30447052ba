/** Addresses of record as keys of the location store (RFC 3261 10.3 step 5). */
import type { Domains } from "../sip/domains.js";
import { type SipUri, parseUri } from "../sip/uri.js";
import { unescapeUri } from "../sip/uri-key.js";

const MAX_CHARACTERS = 512;

/**
 * The key of a SIP or SIPS URI: an alias becomes the domain it stands for, no parameters, headers or password, unnecessary escapes of the user decoded, host in lower
 * case, no port: `sip:alice@example.org`. A SIPS address is the same as its SIP twin (RFC 5630 3.3). Undefined: not a URI that can
 * have bindings.
 */
export function addressOfRecord(uri: string | SipUri, domains?: Domains): string | undefined {
  const parsed = typeof uri === "string" ? parseUri(uri) : uri;
  if (parsed?.user === undefined) return undefined;
  const realm = domains?.realmOf(parsed);
  const host = realm === undefined ? parsed.host.replace(/\.$/, "") : showHost(realm);
  const key = `sip:${unescapeUri(parsed.user)}@${host}`;
  return key.length <= MAX_CHARACTERS ? key : undefined;
}

/** Written as the host of a URI. */
export function showHost(name: string): string {
  return name.includes(":") ? `[${name}]` : name;
}

/** Every name of this server in lower case, with its form in addresses of record; empty: it has no users. */
export function shownNames(domains: Domains): readonly (readonly [name: string, host: string])[] {
  return domains.names.map(([name, realm]) => [name, realm === undefined ? "" : showHost(realm)]);
}
