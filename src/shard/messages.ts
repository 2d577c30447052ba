/** The messages between the main thread and the shards; rare, never one per SIP message. */
import type { TrustedNet, UpstreamTarget } from "../native/address-port.js";
import type { Alert, MoveSteps, Revived } from "../native/binding.js";
import type { ShardConfig, ShardKey, ShardLimits, ShardNames } from "../native/shard-settings.js";
import type { BindingNewsRow, NewsRow, TapFilter } from "../native/inspect.js";
import type { Login } from "../auth/authenticator.js";
import type { Config } from "../config/config.js";
import type { OutboundMode } from "../edge/outbound.js";
import type { Question } from "./questions.js";

/** The start parameters of a shard. */
export interface ShardStart {
  readonly config: ShardConfig;
  /** A number for each Counter, shared with the main thread. */
  readonly counters: SharedArrayBuffer;
  /** A counter that the shard increments as long as it is alive (heartbeat.ts). */
  readonly beats: SharedArrayBuffer;
  readonly outbound: OutboundMode;
  /** URL of the operator's policy module. */
  readonly policy: string | undefined;
  /** The settings of a registrar or standalone server; undefined: an edge. */
  readonly home: Config | undefined;
}

export type ToShard =
  | { readonly kind: "upstreams"; readonly targets: readonly UpstreamTarget[]; readonly trusted: readonly TrustedNet[] }
  | { readonly kind: "keys"; readonly keys: readonly ShardKey[] }
  /** There are new certificates. */
  | { readonly kind: "tls" }
  | { readonly kind: "rules"; readonly limits: ShardLimits; readonly flowTimer: number; readonly outbound: OutboundMode }
  | { readonly kind: "names"; readonly names: ShardNames }
  /** Domains, users and rules of the registrar. */
  | { readonly kind: "home"; readonly settings: Config }
  | { readonly kind: "bans"; readonly nets: readonly TrustedNet[] }
  | { readonly kind: "tap"; readonly filters: readonly TapFilter[] }
  | { readonly kind: "ask"; readonly id: number; readonly question: Question }
  /** `rates`: connections that each shard closes per second once no requests are pending, 0: all at once. */
  | { readonly kind: "drain"; readonly seconds: number; readonly rates: readonly number[] }
  /** The drain pauses, or goes on. */
  | { readonly kind: "pause"; readonly isPaused: boolean }
  /** The drain is called off. */
  | { readonly kind: "stay" }
  /** All shards are ready: from now on it reads. With a channel it first takes over what another process sends there. `revives`: what one that crashed has left. */
  | { readonly kind: "go"; readonly channel: number | undefined; readonly revives: boolean }
  | { readonly kind: "close" };

/** `since`: when a shard began to read, if it took over from another process (MovedFlows.stoppedAt). */
export interface Began {
  readonly since: number;
  readonly steps: MoveSteps;
  readonly cpu: MoveSteps;
  readonly revived?: Revived;
}

export type FromShard =
  /** Everything is loaded and open; it waits for its orders and for `go`. */
  | { readonly kind: "ready" }
  | { readonly kind: "up"; readonly began: Began }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "alerts"; readonly alerts: readonly Alert[] }
  /** For the history. */
  | { readonly kind: "news"; readonly news: readonly NewsRow[]; readonly bindings: readonly BindingNewsRow[] }
  /** A failed login; at most a few per second for each source. */
  | { readonly kind: "login"; readonly login: Login }
  | { readonly kind: "fault"; readonly message: string }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "no-answer"; readonly id: number; readonly reason: string }
  | { readonly kind: "tapped"; readonly octets: Uint8Array }
  /** The store of the bindings was reached or lost. */
  | { readonly kind: "store"; readonly isUp: boolean; readonly reason: string }
  | { readonly kind: "drained" };
