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

/** The Via below the neighbour's own is the one that it stamped; those further down are what the client wrote. */
export function claimantOf(request: SipMessage, address: string, fromCore: boolean): Claimant {
  if (!fromCore) return { address, isRelayed: false };
  const via = request.values("Via")[1] ?? "";
  const received = /;[ \t]*received[ \t]*=[ \t]*([^\s;]+)/i.exec(via)?.[1] ?? parseVia(via)?.host ?? "";
  const literal = received.replace(/^\[|\]$/g, "");
  return { address: isIP(literal) === 0 ? address : literal, isRelayed: true };
}
