/** What a shard of the addon starts with, and what a reload may change. */
import type { ProxyRule, Transport } from "../config/listener.js";
import type { AddressPort, TrustedNet } from "./address-port.js";

/** A listener as a shard opens it. */
export interface ShardListener {
  /** What clients speak. */
  readonly transport: Transport;
  /** False: TLS is taken off before us. */
  readonly endsTls: boolean;
  /** Literal address without brackets. */
  readonly address: string;
  readonly port: number;
  /** Each shard has a port of its own: the first one and its number. */
  readonly apart: boolean;
  /** "HOST:PORT" that Via, Path and Record-Route show. */
  readonly sentBy: string;
  readonly facing: "client" | "core" | "both";
  readonly proxy: ProxyRule | "never";
}

export interface ShardKey {
  /** 0-63. */
  readonly id: number;
  /** At least 20 octets. */
  readonly key: Uint8Array;
}

export interface ShardLimits {
  /** Maximum octets of a message body. */
  readonly maxMessage: number;
  /** For the whole process. */
  readonly maxFlows: number;
  readonly maxFlowsPerSource: number;
  readonly maxPending: number;
  /** What the object path may hold, for the whole process. */
  readonly maxRequests: number;
  readonly maxRequestsPerSource: number;
  readonly maxRequestOctets: number;
  readonly maxRequestOctetsPerSource: number;
  /** Maximum of unsent octets for one client. */
  readonly queueMax: number;
  readonly handshakeSeconds: number;
  readonly firstMessageSeconds: number;
  readonly messageSeconds: number;
  readonly idleSeconds: number;
}

/** The part of our identity that a reload may change. */
export interface ShardNames {
  readonly names: readonly string[];
  /** Realms whose credentials are for us alone; none on an edge. */
  readonly realms: readonly string[];
  /** Empty: any. */
  readonly wsOrigins: readonly string[];
  readonly wsPaths: readonly string[];
}

export interface ShardConfig extends ShardNames {
  /** From createCluster. */
  readonly cluster: number;
  /** Of the farm, below 128. */
  readonly node: number;
  readonly shard: number;
  readonly shards: number;
  /** Random at each start of the process, 16 bits; names the life of a stream flow's token. */
  readonly boot: number;
  /** 16 octets each. */
  readonly tableKey: Uint8Array;
  readonly branchKey: Uint8Array;
  readonly keys: readonly ShardKey[];
  readonly listeners: readonly ShardListener[];
  readonly aliases: readonly AddressPort[];
  readonly trusted: readonly TrustedNet[];
  /** Load balancers whose PROXY headers are trusted. */
  readonly proxies: readonly TrustedNet[];
  /** 0: never. */
  readonly wsPingSeconds: number;
  readonly limits: ShardLimits;
  /** Registrar or standalone: there is an object path. */
  readonly home: boolean;
  /** Answer a UDP client at its source port even if its Via has no rport. */
  readonly forceRport: boolean;
  readonly t1Ms: number;
  readonly branchSeconds: number;
  readonly flowTimer: number;
  readonly flowGrace: number;
  readonly probeSeconds: number;
  readonly udpTokenSeconds: number;
  /** Whether AORs of flows and how flows ended are remembered, for the admin plane. */
  readonly notes: boolean;
}

/** Certificates and rules of TLS, as PEM. */
export interface TlsMaterial {
  /** The first one serves clients whose SNI fits none. Empty: no listener is secure. */
  readonly pairs: readonly { readonly certificate: string; readonly key: string }[];
  /** The authorities to trust. */
  readonly authorities: string;
  readonly clientCertificate: "off" | "optional" | "require";
  /** The records of accepted connections are sealed and opened by native/tls once the handshake is complete. */
  readonly ownRecords: boolean;
  /** 80 octets, the same for all shards. */
  readonly ticketKey: Uint8Array;
}
