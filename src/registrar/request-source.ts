/** Where a REGISTER came from, according to the transport. */
import type { Binding } from "../location/binding.js";

export interface RequestSource {
  /** A literal address without brackets. */
  readonly address: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls" | "ws" | "wss";
  /** Whether it is an edge of `SLUICE_EDGES`: only its Path is believed. */
  readonly isEdge: boolean;
  /** Whether that is an address of this very host, where no Contact is dialled. */
  readonly isThisHost: boolean;
  /** The handle of the local flow that carried it; undefined: requests cannot be sent back on it. */
  readonly flow?: string;
  /** The Route by which other nodes that share the location store reach a flow of this one; undefined: there are none. */
  readonly routeTo?: (flow: string) => string | undefined;
  /** Octets that the lists of the longest response may take that the sender may get now; undefined: any. */
  readonly answerRoom?: () => number;
  /** Called with the bindings that the REGISTER made or refreshed. */
  readonly onBound?: (bindings: readonly Binding[]) => void;
  /** Called with the address of a client that has used up its share of bindings. */
  readonly onSourceFull?: (address: string) => void;
  /** Whether that flow can serve outbound: keep-alives are answered on it and it can be named later (RFC 5626 6). */
  readonly flowIsOutboundCapable: boolean;
  /** Whether the device sent it to us directly: one Via value (RFC 5626 6). */
  readonly firstHop: boolean;
}
