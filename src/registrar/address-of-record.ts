/** Addresses of record as keys of the location store (RFC 3261 10.3 step 5). */
import { type SipUri, parseUri } from "../sip/uri.js";
import { unescapeUri } from "../sip/uri-key.js";

const MOST_CHARACTERS = 512;

/**
 * The key of a SIP or SIPS URI: no parameters, headers or password, escapes of the user decoded where they need none, host in lower
 * case, no port: `sip:alice@example.org`. A SIPS address is the same as its SIP twin (RFC 5630 3.3). Undefined: not a URI that can
 * have bindings.
 */
export function addressOfRecord(uri: string | SipUri): string | undefined {
  const parsed = typeof uri === "string" ? parseUri(uri) : uri;
  if (parsed?.user === undefined) return undefined;
  const key = `sip:${unescapeUri(parsed.user)}@${domainOf(parsed)}`;
  return key.length <= MOST_CHARACTERS ? key : undefined;
}

/** The host as domains are compared: without the dot of a fully qualified name. */
export function domainOf({ host }: SipUri): string {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

/** Whether the addresses of record of that host are kept here. No domains: those of every host are. */
export function isServed(domains: readonly string[], uri: SipUri): boolean {
  return domains.length === 0 || domains.includes(domainOf(uri).replace(/^\[|\]$/g, ""));
}
