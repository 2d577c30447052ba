/** The seam between who registers and who calls: bindings by address of record, embedded or in Redis. */
import type { Binding } from "./binding.js";

/** The default of `SLUICE_MAX_BINDINGS`. */
export const MAX_BINDINGS = 2_000_000;

/** One REGISTER as data: the store decides and writes in one atomic section, all of it or nothing. */
export interface RegisterOperation {
  readonly callId: string;
  readonly cseq: number;
  /** `Contact: *`: every binding goes. `put` and `drop` are then empty. */
  readonly everything: boolean;
  /** Bindings to add, or to replace those with the same keys. */
  readonly put: readonly Binding[];
  /** Keys of bindings to remove (expires 0); an unknown key is not an error. */
  readonly drop: readonly string[];
  /** Maximum number of bindings of the address of record after the operation. */
  readonly maxContacts: number;
  /** Maximum number of flows of one instance after the operation (RFC 5626 4.2.1). */
  readonly maxFlows: number;
  /** The address of the client whose share the bindings count against; undefined: nobody's, because a user has authenticated. */
  readonly payer?: string;
}

/**
 * `saved`: done and durable; `bindings` are all current ones. `out-of-order`: an affected binding has the same Call-ID and no
 * lower CSeq (RFC 3261 10.3 step 7), nothing changed. `full`: a limit would be exceeded, nothing changed. `source-full`: the payer's share
 * would be, nothing changed.
 */
export type SaveResult =
  | { readonly outcome: "saved"; readonly bindings: readonly Binding[] }
  | { readonly outcome: "out-of-order" }
  | { readonly outcome: "full" }
  | { readonly outcome: "source-full" };

/** The store cannot be reached or written: the request is answered 503. It was done as a whole, or not at all. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  /** Whether the log has a line about it, so that the requests that meet it need none. */
  readonly isKnown: boolean;

  constructor(message: string, { isKnown = false, ...options }: ErrorOptions & { readonly isKnown?: boolean } = {}) {
    super(message, options);
    this.isKnown = isKnown;
  }
}

/** What C++ asks of a store: the REGISTERs of a batch in one step, as it has decided on them, and the bindings of those who are called. */
export interface StoreBatches {
  /** `Shard.shareRegisters` says what both are; returns what `Shard.answerRegisters` takes. Rejects with StoreUnavailable. */
  save(operations: Uint8Array, names: string): Promise<Uint8Array>;
  /** The bindings of each address of record, for `Shard.answerRequests`; some may have expired. Rejects with StoreUnavailable. */
  find(aors: readonly string[]): Promise<Uint8Array>;
  /** Hears now, and whenever it changes, how many milliseconds the store's clock is ahead of the monotonic one. */
  followClock(listener: (offset: number) => void): void;
}

/** Every method rejects with StoreUnavailable while the store is away, and with another error when it fails. */
export interface LocationStore {
  /** Names this process among those that save here, the same after a restart, so that bindings name the node of their flow. Undefined: no other node saves here. */
  readonly node: string | undefined;
  /** Undefined: it takes REGISTERs one by one only, or C++ has it itself. */
  readonly batches: StoreBatches | undefined;
  /** Milliseconds since 1970 on the clock of `expiresAt`. Unaffected by steps of the host's wall clock. */
  now(): number;
  /** One REGISTER. Once the promise is fulfilled every `lookup` anywhere sees it, whichever process dies next. */
  save(aor: string, operation: RegisterOperation): Promise<SaveResult>;
  /** The bindings that have not expired, in no particular order. */
  lookup(aor: string): Promise<readonly Binding[]>;
  /**
   * Removes one binding, for example one whose flow answered 430. `seen`: the `updatedAt` that the caller knows; a binding that was
   * refreshed since then stays. An unknown key is not an error.
   */
  remove(aor: string, key: string, seen?: number): Promise<void>;
  /**
   * Removes the bindings of every address of record that depended on a local flow which has ended; returns how many. The handle must be
   * no other flow's of this node, of no other start; it is called in the thread that saved them. `isLeaving`: the process is ending, and `past`
   * shows them to the next one.
   */
  removeFlow(flow: string, isLeaving?: boolean): Promise<number>;
  /** The bindings that the last run of this process removed as it ended, one of each flow; once. Those of a store without other nodes are in their place. */
  past(): Promise<readonly Binding[]>;
  /**
   * Sweeps some of the expired bindings; call it regularly. Returns how many it removed itself. Lookups
   * never see them anyway.
   */
  expire(): Promise<number>;
  /**
   * Some of the addresses of record, about a thousand, in no order; some may have no living binding, some come twice. `from`: "" at the start, then
   * what the answer before gave as `next`, which is "" at the end. `expiries`: when the first and the last binding of each expire, two numbers
   * for each; undefined: that takes a lookup.
   */
  addresses(from: string): Promise<{ readonly aors: readonly string[]; readonly next: string; readonly expiries?: Float64Array }>;
  /** `SLUICE_MAX_BINDINGS` from now on. */
  setMost(maxBindings: number): void;
  /** Waits for pending writes. */
  close(): Promise<void>;
}
