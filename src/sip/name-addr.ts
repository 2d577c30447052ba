/** An address in a header: `"Name" <sip:user@host;uri-param>;header-param`, or a bare URI (RFC 3261 20.10 and 25.1). */
import type { Parameter } from "./parameters.js";

export interface NameAddr {
  /** As it came, quotes included; "" when there is none. */
  readonly displayName: string;
  /** As it came, without angle brackets. */
  readonly uri: string;
  /** What stands behind the URI. Behind a URI without angle brackets all parameters are the header's (RFC 3261 20.10). */
  readonly parameters: readonly Parameter[];
}

/** One value, as `splitHeaderList` leaves it. Undefined: not an address. */
export function parseNameAddr(text: string): NameAddr | undefined {
  return text === "" ? undefined : undefined;
}
