/** What the admin plane sees of the running process; src/process/service.ts implements it. */
import type { CertificateView } from "../tls/certificates.js";
import type { History } from "../history/history.js";
import type { Webhooks } from "../history/webhooks.js";
import type { Config } from "../config/config.js";
import type { FlowKey } from "../config/flow-key.js";
import type { LocationCounts } from "../native/location-handle.js";
import type { ShardListener } from "../native/shard-settings.js";
import type { Log } from "../observe/log.js";
import type { FarmNode } from "../config/farm-node.js";
import type { DrainView } from "./drain-view.js";
import type { Registration } from "../shard/list-bindings.js";
import type { ShardPool } from "../shard/pool.js";
import type { Tracer } from "./tracer.js";

export interface ReloadReport {
  /** Variables whose new value now applies. */
  readonly changed: readonly string[];
  /** Variables that changed but apply only after a restart. */
  readonly needRestart: readonly string[];
  /** Why nothing was changed. */
  readonly errors: readonly string[];
}

/** What another process took over from this one. */
export interface UpgradeReport {
  readonly pid: number;
  readonly version: string;
  /** Connections that it has now. */
  readonly flows: number;
  /** Connections that stay here until they end or are drained. */
  readonly kept: number;
  /** How long nothing was read. */
  readonly stoppedMs: number;
  readonly seconds: number;
}

/** How upgrades of this process and of those before it went. */
export interface UpgradeCounts {
  readonly done: number;
  readonly failed: number;
  readonly refused: number;
}

/** One binding of the location service. */
export interface BindingView {
  readonly aor: string;
  readonly contact: string;
  readonly instance: string;
  readonly regId: number;
  /** "": not given. */
  readonly userAgent: string;
  readonly expiresInSeconds: number;
  /** Milliseconds since 1970. */
  readonly updatedAt: number;
  readonly path: readonly string[];
}

export interface BindingsRequest {
  /** A whole AOR, with its @, or part of one. */
  readonly word: string;
  readonly domain: string;
  /** Only what expires within so many seconds; 0: all. */
  readonly withinSeconds: number;
  /** "expires", or "" for no order. */
  readonly sort: string;
  readonly limit: number;
  readonly from: string;
}

/** The location service of a registrar. */
export interface BindingsView {
  list(query: BindingsRequest): Promise<{ readonly bindings: readonly BindingView[]; readonly next: string }>;
  /** What is registered for each of these addresses, in one question. Those that nobody here can have, or that the store does not know about now, are not there. */
  registrations(aors: readonly string[]): Promise<ReadonlyMap<string, readonly Registration[]>>;
  /** How many were removed. */
  remove(aor: string): Promise<number>;
}

/** The embedded location store. */
export interface StoreView {
  /** Whether it can be written. */
  readonly isUp: boolean;
  counts(): LocationCounts;
}

export interface Running {
  readonly config: Config;
  readonly pool: ShardPool;
  readonly log: Log;
  readonly listeners: readonly ShardListener[];
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** A random number of each start of the process; tokens of connections contain it. */
  readonly boot: number;
  readonly state: "up" | "draining";
  readonly tracer: Tracer;
  readonly history: History;
  /** Undefined: there are none. */
  readonly webhooks: Webhooks | undefined;
  /** Undefined: this process is not a registrar. */
  readonly bindings: BindingsView | undefined;
  /** Undefined: an edge, or the bindings are elsewhere. */
  readonly store: StoreView | undefined;
  certificates(): readonly CertificateView[];
  /** The current number of upstream targets. */
  readonly targetCount: number;
  /** Packets of SLUICE_HEP and SLUICE_PCAP that could not be sent or written. */
  readonly capturesLost: number;
  readonly upgrades: UpgradeCounts;
  /** Undefined: there is none (SLUICE_KEEPER). */
  readonly keeper: { readonly isUp: boolean; readonly crashes: number } | undefined;
  /** Nothing may change while another process gets ready to take over. */
  readonly isUpgrading: boolean;
  /** Another process, started from what is on disk now, takes over. Rejects with one line when this one goes on. */
  upgrade(by: string): Promise<UpgradeReport>;
  setKeys(keys: readonly FlowKey[]): void;
  reload(): Promise<ReloadReport>;
  /** The other edges of the farm. */
  readonly farmNodes: readonly FarmNode[];
  /** Undefined: it is not draining. */
  readonly drainView: DrainView | undefined;
  /** Like SIGTERM: the process ends when the drain is done. One that pauses goes on. */
  drain(): void;
  pauseDrain(): void;
  /** Calls the drain off. */
  stay(): void;
}
