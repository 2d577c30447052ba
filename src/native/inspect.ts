/** What the operator may ask of a shard, as the addon returns it. Times are milliseconds before now. */
import type { Transport } from "../config/listener.js";
import type { AddressPort, UpstreamTarget } from "./address-port.js";

/** An unset field matches every flow. */
export interface FlowFilter {
  /** Part of an AOR or of an instance, in lower case. */
  readonly text?: string;
  /** Or of the client's address. */
  readonly textInAddress?: boolean;
  readonly address?: string;
  /** 0: any. */
  readonly port?: number;
  readonly slot?: number;
  readonly generation?: number;
  readonly leastIdleMs?: number;
  readonly idleBelowMs?: number;
  /** Of a connection; with either of them, only connections match. */
  readonly leastAgeMs?: number;
  readonly ageBelowMs?: number;
  /** Messages since the sample began. */
  readonly leastRecent?: number;
  readonly clientsOnly?: boolean;
  /** A match that has been silent for less is counted, not returned. */
  readonly countedBelowMs?: number;
}

export interface AorRow {
  readonly aor: string;
  /** Without its angle brackets; "": none. */
  readonly instance: string;
  /** Of its first REGISTER over the flow. */
  readonly userAgent: string;
  /** 0: none. */
  readonly regId: number;
  readonly sinceMs: number;
  readonly refreshedMs: number;
  /** For how long it was granted then; 0: unknown. */
  readonly grantedSeconds: number;
}

export interface FlowRow extends AddressPort {
  readonly slot: number;
  readonly generation: number;
  /** Index in ShardConfig.listeners. */
  readonly listener: number;
  /** FlowFlag bits. */
  readonly flags: number;
  readonly idleMs: number;
  /** -1: not known. */
  readonly ageMs: number;
  /** The silence after which it ends, 0: not supervised. */
  readonly superviseSeconds: number;
  /** Its requests that wait for an answer. */
  readonly waiting: number;
  /** Received. */
  readonly messages: number;
  /** Of a connection, counted by the kernel. */
  readonly octetsIn: number;
  readonly octetsOut: number;
  readonly roundTripUs: number;
  readonly resent: number;
  readonly unsent: number;
  /** Received since the sample began; 0 without one. */
  readonly recent: number;
  readonly aors: readonly AorRow[];
}

/** The flows of clients by age and by silence; the classes end at 30 s, 1 min, 5 min, 1 h, 6 h, 1 d, and one holds the rest. */
export interface SurveyRow {
  /** Of connections. */
  readonly ages: readonly number[];
  readonly silence: readonly number[];
  readonly outbound: number;
  readonly supervised: number;
}

export interface FlowEndRow extends AddressPort {
  readonly listener: number;
  /** A number of Counter. */
  readonly why: number;
  readonly lastedMs: number;
  readonly endedMs: number;
  /** In milliseconds by the clock that all shards share, which do not answer at the same moment. */
  readonly endedAt: number;
  readonly messages: number;
  readonly aor: string;
  readonly instance: string;
}

/** Something for the history; `event` is a number of Event. */
export interface NewsRow extends AddressPort {
  readonly event: number;
  readonly agoMs: number;
  /** Of a flow that was lost: the Counter that says why; of a registration: its reg-id, 0: none. */
  readonly number: number;
  readonly lastedMs: number;
  /** Octets as latin1 characters. Of a call: the head of the response; else the AOR, a line end, and the instance. */
  readonly text: string;
}

/** In the order of BindingEvent in native/core/home/binding_news.h. */
export const BINDING_EVENTS = ["registered", "moved", "expired", "removed", "flow-gone", "withdrawn"] as const;
export type BindingEvent = (typeof BINDING_EVENTS)[number];

/** Something that happened to a binding. */
export interface BindingNewsRow {
  /** A place in BINDING_EVENTS. */
  readonly event: number;
  readonly agoMs: number;
  readonly regId: number;
  readonly aor: string;
  readonly contact: string;
  readonly instance: string;
  readonly userAgent: string;
  readonly callId: string;
}

/** A part of what happened to bindings. */
export interface BindingNews {
  /** 0: that was all. */
  readonly count: number;
  /** Of so many lines of the history. */
  readonly octets: number;
  /** The same, for those who watch. */
  readonly rows?: readonly BindingNewsRow[];
  /** Since the last time, only in the first part: how many there were of each of BINDING_EVENTS, whether anybody wants lines or not; ... */
  readonly counts?: readonly number[];
  /** ... how many there was no room for; ... */
  readonly lost?: number;
  /** ... and how many were too many of one address of record. */
  readonly suppressed?: number;
}

/** Responses of 400 and above to one source. */
export interface RefusalRow {
  readonly address: string;
  readonly status: number;
  /** Who the last request said it was from; nobody has proved it. "": unreadable. */
  readonly aor: string;
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export type TokenRow =
  | { readonly verdict: "none" | "forged" | "unknown_key" }
  | {
      readonly verdict: "ok";
      readonly kind: "stream" | "udp";
      readonly side: "client" | "core";
      /** Of the farm. */
      readonly node: number;
      readonly shard: number;
      /** False: of a connection that an earlier start of the process had. */
      readonly ofThisBoot: boolean;
      /** Of a connection: the start of the process that made it. */
      readonly boot?: number;
      /** Known only to the token's own shard. */
      readonly alive: boolean;
      readonly slot: number;
      readonly generation: number;
      /** Of a UDP flow. */
      readonly address?: string;
      readonly port?: number;
      readonly local?: AddressPort;
      /** Of a UDP flow, in units of 16 s since 1970, 24 bits. */
      readonly birth?: number;
    };

export interface UpstreamRow extends UpstreamTarget {
  readonly transport: Transport;
  readonly alive: boolean;
  /** Whether it has sent anything since it became a target. */
  readonly spoken: boolean;
  /** How long it has left us without an answer. */
  readonly silentMs: number;
}

/** A message is copied when it meets one of these. */
export type TapFilter =
  | { readonly kind: "all"; /** Every n-th dialog. */ readonly sample: number }
  | { readonly kind: "aor"; /** user@host */ readonly text: string }
  | { readonly kind: "call-id"; readonly text: string }
  /** Responses that we send: final ones to REGISTER, and refusals of anything. */
  | { readonly kind: "outcome" }
  | ({ readonly kind: "address" } & AddressPort);
