/**
 * Bindings in an embedded LMDB: one record an address of record, shared by all threads of the process. A save is durable against the
 * death of the process when its promise is fulfilled; the disk is synchronised right behind, so that a power cut costs the last moment.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Database, type RootDatabase, open } from "lmdb";
import { applyOperation } from "./register-operation.js";
import { type Binding, lifeline } from "./binding.js";
import { type ClockAnchor, holds, monotonic, takeAnchor } from "./clock.js";
import { type Row, fromRow, toRow } from "./row.js";
import { type LocationStore, type RegisterOperation, type SaveResult, StoreUnavailable, isDiskFailure } from "./store.js";

/** Records of one transaction of a sweep: with as many to remove a turn of the shard takes a millisecond or two. */
const SLICE = 50;
/** Records that a sweep looks at when it finds little to remove. */
const LOOKED_AT = 2_000;
const ANCHOR = "clock";
/** The character after the blank. */
const BEHIND_SEPARATOR = "!";

export class LmdbStore implements LocationStore {
  readonly node = undefined;
  readonly #root: RootDatabase<ClockAnchor, string>;
  readonly #records: Database<readonly Row[], string>;
  /** Which addresses of record have bindings on a flow: both are in the key, and nothing is behind it. */
  readonly #flows: Database<true, string>;
  readonly #offset: number;
  /** The address of record behind which the next sweep begins. */
  #swept = "";
  #closing = false;

  private constructor(root: RootDatabase<ClockAnchor, string>) {
    this.#root = root;
    this.#records = root.openDB("bindings", { encoding: "msgpack" });
    // Not dupSort: in a transaction lmdb 3.5.6 cannot be asked for the values of one key (contract.test.ts).
    this.#flows = root.openDB("flow-index", { encoding: "msgpack" });
    this.#offset = root.transactionSync(() => {
      const kept = root.get(ANCHOR);
      if (holds(kept)) return kept.offset;
      const anchor = takeAnchor();
      root.putSync(ANCHOR, anchor);
      return anchor.offset;
    });
  }

  /** Opens or makes the database in that folder. Throws StoreUnavailable. */
  static open(folder: string): LmdbStore {
    try {
      return new LmdbStore(open({ path: folder, maxDbs: 4, noSubdir: false }));
    } catch (error) {
      throw new StoreUnavailable(`the location store in ${folder} cannot be opened`, { cause: error });
    }
  }

  now(): number {
    return monotonic() + this.#offset;
  }

  save(aor: string, operation: RegisterOperation): Promise<SaveResult> {
    return this.#write(() => {
      const stored = this.#stored(aor);
      const result = applyOperation(this.#alive(stored), operation);
      if (result.outcome === "saved") this.#replace(aor, stored, result.bindings);
      return result;
    });
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- async makes a rejection of what is thrown.
  async lookup(aor: string): Promise<readonly Binding[]> {
    // A read transaction lives until the end of the turn; what was saved by another thread meanwhile must be seen.
    this.#root.resetReadTxn();
    return this.#alive(this.#stored(aor));
  }

  remove(aor: string, key: string, seen = Infinity): Promise<void> {
    return this.#write(() => {
      this.#keep(aor, (binding) => binding.key !== key || binding.updatedAt > seen);
    });
  }

  /** A flow may carry a hundred thousand addresses of record: they go slice by slice, other work in between. */
  async removeFlow(flow: string): Promise<number> {
    let removed = 0;
    for (;;) {
      const found = await this.#write(() => {
        const aors = this.#aorsOn(flow);
        for (const aor of aors) {
          removed += this.#keep(aor, (binding) => lifeline(binding) !== flow);
          this.#flows.removeSync(flowEntry(flow, aor));
        }
        return aors.length;
      });
      if (found < SLICE || this.#closing) return removed;
      await nextTurn();
    }
  }

  /** A part of the store, and as long as much of it has expired the rest too, slice by slice. */
  async expire(): Promise<number> {
    let removed = 0;
    for (let looked = 0; !this.#closing; looked += SLICE) {
      const gone = await this.#expireSlice();
      removed += gone;
      const isFruitful = gone > SLICE / 4;
      if (this.#swept === "" || (looked >= LOOKED_AT && !isFruitful)) break;
      await nextTurn();
    }
    return removed;
  }

  #expireSlice(): Promise<number> {
    return this.#write(() => {
      const now = this.now();
      const entries = [...this.#records.getRange({ start: this.#swept, exclusiveStart: true, limit: SLICE })];
      this.#swept = entries.length < SLICE ? "" : (entries.at(-1)?.key ?? "");
      let removed = 0;
      for (const { key: aor, value } of entries) {
        if (value.some(([, , , expiresAt]) => expiresAt <= now)) removed += this.#keep(aor, ({ expiresAt }) => expiresAt > now);
      }
      return removed;
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#root.close();
  }

  /** A slice of them. */
  #aorsOn(flow: string): readonly string[] {
    const keys = this.#flows.getKeys({ start: flowEntry(flow, ""), end: `${flow}${BEHIND_SEPARATOR}`, limit: SLICE });
    return [...keys].map((key) => key.slice(flow.length + 1));
  }

  #stored(aor: string): readonly Binding[] {
    return this.#records.get(aor)?.map((row) => fromRow(aor, row)) ?? [];
  }

  #alive(bindings: readonly Binding[]): readonly Binding[] {
    const now = this.now();
    return bindings.filter(({ expiresAt }) => expiresAt > now);
  }

  /** Within a transaction: keeps what passes, says how many did not. */
  #keep(aor: string, passes: (binding: Binding) => boolean): number {
    const stored = this.#stored(aor);
    const kept = stored.filter(passes);
    if (kept.length < stored.length) this.#replace(aor, stored, kept);
    return stored.length - kept.length;
  }

  /** Within a transaction. */
  #replace(aor: string, before: readonly Binding[], after: readonly Binding[]): void {
    if (after.length === 0) this.#records.removeSync(aor);
    else this.#records.putSync(aor, after.map(toRow));
    const [old, fresh] = [flowsOf(before), flowsOf(after)];
    for (const flow of old) if (!fresh.has(flow)) this.#flows.removeSync(flowEntry(flow, aor));
    for (const flow of fresh) if (!old.has(flow)) this.#flows.putSync(flowEntry(flow, aor), true);
  }

  /** All writes of one turn of the event loop share a commit. */
  async #write<T>(action: () => T): Promise<T> {
    try {
      return await this.#root.transaction(action);
    } catch (error) {
      // Nothing was written, and the next one tries again.
      if (isDiskFailure(error)) throw new StoreUnavailable("the disk of the location store is full or fails", { cause: error });
      throw error;
    }
  }
}

/** A handle has no blank in it. */
function flowEntry(flow: string, aor: string): string {
  return `${flow} ${aor}`;
}

function flowsOf(bindings: readonly Binding[]): ReadonlySet<string> {
  const flows = new Set<string>();
  for (const binding of bindings) {
    const flow = lifeline(binding);
    if (flow !== undefined) flows.add(flow);
  }
  return flows;
}
