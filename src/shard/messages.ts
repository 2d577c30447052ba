/** What the main thread and the shards say to one another; rare, never once a message. */
import type { Notice, ShardConfig, ShardKey, TlsMaterial, TrustedNet, UpstreamTarget } from "../native/binding.js";
import type { OutboundMode } from "../edge/outbound.js";

/** What a shard is started with. */
export interface ShardStart {
  readonly config: ShardConfig;
  /** A number for each Counter, shared with the main thread. */
  readonly counters: SharedArrayBuffer;
  /** Undefined: nothing is secure here. */
  readonly tls: TlsMaterial | undefined;
  readonly outbound: OutboundMode;
  /** URL of the operator's policy module. */
  readonly policy: string | undefined;
}

export type ToShard =
  | { readonly kind: "upstreams"; readonly targets: readonly UpstreamTarget[]; readonly trusted: readonly TrustedNet[] }
  | { readonly kind: "keys"; readonly keys: readonly ShardKey[] }
  | { readonly kind: "tls"; readonly material: TlsMaterial }
  | { readonly kind: "drain"; readonly seconds: number }
  | { readonly kind: "close" };

export type FromShard =
  | { readonly kind: "ready" }
  /** `listener` is the index of the one that could not be opened. */
  | { readonly kind: "failed"; readonly errno: number; readonly listener: number }
  | { readonly kind: "notices"; readonly notices: readonly Notice[] }
  | { readonly kind: "fault"; readonly message: string }
  | { readonly kind: "drained" };
