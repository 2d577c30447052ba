/** Network addresses in the form that the addon uses. */
import type { Transport } from "../config/listener.js";

export interface AddressPort {
  readonly address: string;
  readonly port: number;
}

/** A network of trusted senders; the prefix counts in the 128-bit form (an IPv4 /8 is 104), port 0 is any. */
export interface TrustedNet extends AddressPort {
  readonly prefix: number;
}

/** An upstream that a call may try. */
export interface UpstreamChoice extends AddressPort {
  readonly transport: Transport;
  /** The name that its certificate must have, if the transport is secure. */
  readonly name: string;
}

/** One resolved upstream target. */
export interface UpstreamTarget extends AddressPort {
  /** Of another edge of the farm; an upstream has none. Those come last. */
  readonly node?: number;
  readonly transport: Transport;
  /** The lowest that is alive is used. */
  readonly priority: number;
  readonly weight: number;
  /** Host of the URI that it was resolved from, so that a Route with that name is recognised. */
  readonly name: string;
}
