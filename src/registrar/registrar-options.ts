/** The settings for registrations. */
import type { Authenticator } from "../auth/authenticator.js";
import type { Domains } from "../sip/domains.js";

/** All times in seconds. */
export interface RegistrarOptions {
  /** The domains whose addresses of record are kept here. */
  readonly domains: Domains;
  /** Undefined: anyone may register. */
  readonly authenticator: Authenticator | undefined;
  readonly minExpires: number;
  readonly maxExpires: number;
  readonly defaultExpires: number;
  /** Up to that share of the granted expiry is taken off at random, 0 to 50 per cent, to spread registrations out. */
  readonly expiresJitterPercent: number;
  readonly maxContacts: number;
  /** Maximum number of flows of one instance. */
  readonly maxFlows: number;
  /** Which Path value must carry `ob` (decision D1). */
  readonly obPathCheck: "last" | "top" | "any";
  /** A Path for a device that does not support it: refuse with 420, or store it anyway (RFC 3327 5.3). */
  readonly pathMode: "strict" | "lazy";
  readonly outbound: "auto" | "off";
  /** Flow-Timer for devices that are connected directly, 0: none (RFC 5626 6). */
  readonly flowTimer: number;
}

/** The option tags of RFC 5626 and 3327 that we support. */
export function supportedBy({ outbound }: Pick<RegistrarOptions, "outbound">): readonly string[] {
  return outbound === "off" ? ["path"] : ["path", "outbound"];
}
