/** A response to a request: the sender copies Via, From, To, Call-ID and CSeq (RFC 3261 8.2.6). */

export interface ResponseSpec {
  readonly status: number;
  /** Undefined: the phrase that RFC 3261 21 has for the status. */
  readonly reason?: string;
  /** In this order, each on a line of its own; octets as latin1 characters. Without Content-Length. */
  readonly headers: readonly (readonly [string, string])[];
}
