/** The registrar: RFC 3261 10.3 with outbound (RFC 5626 6), Path (RFC 3327 5.3) and GRUU (RFC 5627 5). */
import type { Authenticator } from "../auth/authenticator.js";
import type { LocationStore } from "../location/store.js";
import type { SipMessage } from "../sip/message.js";
import type { ResponseSpec } from "../sip/response-spec.js";

/** Where a REGISTER came from, as the transport knows it. */
export interface RequestSource {
  /** A literal address without brackets. */
  readonly address: string;
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls" | "ws" | "wss";
  /** Whether it is an edge of `SLUICE_EDGES`: only its Path is believed. */
  readonly isEdge: boolean;
  /** The handle of the local flow that carried it; undefined: requests cannot be sent back on it. */
  readonly flow?: string;
  /** Whether that flow can serve outbound: keep-alives are answered on it and it can be named later (RFC 5626 6). */
  readonly flowIsOutboundCapable: boolean;
  /** Whether the device sent it to us directly: one Via value (RFC 5626 6). */
  readonly firstHop: boolean;
}

/** What the configuration decides; all times in seconds. */
export interface RegistrarOptions {
  /** The domains whose addresses of record are kept here, lower case; empty: every domain. The first is the realm and the host of GRUUs. */
  readonly domains: readonly string[];
  readonly minExpires: number;
  readonly maxExpires: number;
  readonly defaultExpires: number;
  /** Up to that share of the granted expiry is taken off by chance, 0 to 50 per cent: registrations spread out. */
  readonly expiresJitterPercent: number;
  readonly maxContacts: number;
  /** Which Path value must carry `ob` (decision D1). */
  readonly obPathCheck: "last" | "top" | "any";
  /** Path from a device that does not support it: refused with 420, or kept all the same (RFC 3327 5.3). */
  readonly pathMode: "strict" | "lazy";
  readonly outbound: "auto" | "off" | "require";
  /** Flow-Timer for devices that are connected directly, 0: none (RFC 5626 6). */
  readonly flowTimer: number;
  /** Secret that temporary GRUUs are made with: the same on every registrar of a cluster. */
  readonly secret: Uint8Array;
}

export interface Registrar {
  /** Carries one REGISTER out; never rejects: what went wrong is in the response. Requests of one AOR must be handed in as they came. */
  handle(request: SipMessage, from: RequestSource): Promise<ResponseSpec>;
}

/** `authenticator` undefined: anybody may register. */
export type MakeRegistrar = (store: LocationStore, authenticator: Authenticator | undefined, options: RegistrarOptions) => Registrar;
