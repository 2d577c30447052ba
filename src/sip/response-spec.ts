/** A response to be made from its request: what Via, From, To, Call-ID and CSeq say is copied by whoever sends it (RFC 3261 8.2.6). */

export interface ResponseSpec {
  readonly status: number;
  /** Undefined: the phrase that RFC 3261 21 has for the status. */
  readonly reason?: string;
  /** In this order, each a line of its own; octets as latin1 characters. Without Content-Length. */
  readonly headers: readonly (readonly [string, string])[];
}
