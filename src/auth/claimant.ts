/** The address of the client who sent a request: behind a trusted edge, what the edge wrote into the client's Via (RFC 3261 18.2.1). */
import type { SipMessage } from "../sip/message.js";
import { isIP } from "node:net";
import { parseVia } from "../sip/via.js";

export interface Claimant {
  /** A literal address. */
  readonly address: string;
  /** A trusted neighbour passed it on. */
  readonly isRelayed: boolean;
}

export function claimantOf(request: SipMessage, address: string, fromCore: boolean): Claimant {
  return { address: clientOf(request, address, fromCore) ?? address, isRelayed: fromCore };
}

/** The Via below the neighbour's own is the one that it stamped; those further down are what the client wrote. Undefined: the neighbour names no client. */
export function clientOf(request: SipMessage, address: string, fromCore: boolean): string | undefined {
  if (!fromCore) return address;
  const via = parseVia(request.values("Via")[1] ?? "");
  const literal = (via?.received || via?.host || "").replace(/^\[|\]$/g, "");
  // A scope (fe80::1%eth0) means nothing outside of the neighbour.
  return isIP(literal) === 0 || literal.includes("%") ? undefined : literal;
}
