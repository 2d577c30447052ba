/** Where a request goes next: over a flow that a client opened, or to the address of a neighbour, who over TLS must prove to be `host` (RFC 5922 4). */
import type { Transport } from "../config/listener.js";
import type { Neighbour } from "../native/object-port.js";

export type Hop =
  | { readonly kind: "flow"; readonly flow: string }
  | { readonly kind: "address"; readonly transport: Transport; readonly address: string; readonly port: number; readonly host: string };

/** Who sent a message, according to the transport. */
export interface Sender {
  readonly address: string;
  readonly port: number;
  readonly flow: string;
  /** The flow by which an answer goes back (RFC 3581 4). */
  readonly answerFlow: string;
  readonly fromCore: boolean;
  /** Of a trusted sender: where it wants to be reached within a dialog. */
  readonly neighbour?: Neighbour;
}

/** Whose share of our memory a request counts towards. */
export interface Payer {
  readonly address: string;
  /** It speaks for many and has no share of its own. */
  readonly isExempt: boolean;
}

/** What transactions need from the transport. */
export interface Outlet {
  isReliable(hop: Hop): boolean;
  /** Sends a request; the id of the flow that it leaves by, undefined when it cannot be sent. */
  send(hop: Hop, octets: Uint8Array): string | undefined;
  /** Sends a response back over the flow that its request came by. `own`: it was made here. */
  answer(flow: string, octets: Uint8Array, final: boolean, own?: boolean): void;
  isReliableFlow(flow: string): boolean;
}

/** Whether a response may come from there: from the same flow that was asked, or from the neighbour (OB-5.3.1-11, TX-10). */
export function mayAnswer(hop: Hop, sender: Sender): boolean {
  return hop.kind === "flow" ? sender.flow === hop.flow : sender.fromCore || sender.address === hop.address;
}
