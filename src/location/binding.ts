/** What a registration creates: one way to one device (RFC 3261 10, RFC 5626 6). */

export interface Binding {
  /** The address of record as `addressOfRecord` writes it. */
  readonly aor: string;
  /** Names the binding within its address of record; see binding-key.ts for what makes two keys the same binding. */
  readonly key: string;
  /** The Contact URI as received, without angle brackets. */
  readonly contactUri: string;
  /** The Contact parameters, echoed as received: `;q=0.3;+sip.instance="<urn:…>"`; without `expires` and the two GRUUs. */
  readonly contactParams: string;
  /** The instance as `instanceUrn` writes it, ready for comparison; undefined: the device gave none. */
  readonly instance?: string;
  /** Set only for bindings made by outbound processing. */
  readonly regId?: number;
  /**
   * The Path values byte for byte, the top one first: the Route of every request to this binding (RFC 3327 5.4). Of a flow in a store that
   * several nodes share, it is how the other nodes reach the node that has the flow.
   */
  readonly path: readonly string[];
  /** Preference in thousandths, 0 to 1000; 1000 when the Contact had none. */
  readonly q: number;
  /** Milliseconds on the clock of the store that holds it (`LocationStore.now`). */
  readonly expiresAt: number;
  /** When it was last refreshed, on the same clock: the most recent flow of an instance is tried first (RFC 5626 6 and 7). */
  readonly updatedAt: number;
  readonly callId: string;
  readonly cseq: number;
  /** Standalone: the opaque handle of the local flow that carried the REGISTER; undefined: reached by `path` or `contactUri`. */
  readonly flow?: string;
  /** Plain, over TCP or TLS, from the host that its Contact names: it outlives its connection, and the Contact is dialled then (OB-7-15). */
  readonly direct?: boolean;
  /** The node that has the flow, as in `LocationStore.node`; undefined: no other node saves there. */
  readonly node?: string;
  readonly userAgent?: string;
  /** Whether outbound processing made it: flows of one instance are alternatives, not forks (RFC 5626 7). */
  readonly outbound: boolean;
}

/** The flow that the binding ends with. */
export function lifeline({ flow, direct }: Binding): string | undefined {
  return direct === true ? undefined : flow;
}
