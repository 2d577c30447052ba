/**
 * The embedded store: one table of bindings for all threads of the process, in C++ (native/core/home), with a journal and a snapshot in a
 * folder. A lookup reads memory. What a turn of the event loop changes is written to the journal at once, before any answer leaves.
 */
import { mkdirSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { getSystemErrorName } from "node:util";
import { messageOf } from "../base/message-of.js";
import type { Location, LocationCounts } from "../native/location-handle.js";
import type { BindingNews } from "../native/inspect.js";
import { binding } from "../native/load.js";
import type { Binding } from "./binding.js";
import { anchorIn, monotonic } from "./clock.js";
import { importLmdb } from "./import-lmdb.js";
import { NativeRows, Outcome } from "./native-row.js";
import { type LocationStore, MAX_BINDINGS, type RegisterOperation, type SaveResult, StoreUnavailable } from "./store.js";

const { EIO } = constants.errno;
/** Bindings of a flow that are removed in one turn: a millisecond or less. */
const SLICE = 500;
/** A process that was killed takes a moment until its folder is free. */
const BUSY_MS = 3_000;
const BUSY_EVERY_MS = 50;
const BINDING_OCTETS = 640;

export interface NativeStoreOptions {
  /** What is fulfilled outlives the process, or a power cut too. */
  readonly durable?: "process" | "disk";
  /** Most bindings of all. */
  readonly maxBindings?: number;
  /** Of the process that uses the folder and will hand it over: the store follows it. */
  readonly lock?: number | undefined;
  /** Hears, at the start, what of an earlier life could not be read. */
  readonly onLoss?: (line: string) => void;
}

export class NativeStore implements LocationStore {
  readonly node = undefined;
  readonly batches = undefined;
  readonly #native: Location;
  readonly #isDurable: boolean;
  readonly #rows = new NativeRows();
  /** What was changed in this turn is being written. */
  #written: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;
  #isClosed = false;

  private constructor(native: Location, isDurable: boolean) {
    this.#native = native;
    this.#isDurable = isDurable;
  }

  /** Opens or makes the store in that folder; who opens it first in this process reads it. Rejects with StoreUnavailable. */
  static async open(folder: string, { durable = "process", maxBindings = MAX_BINDINGS, lock, onLoss = () => undefined }: NativeStoreOptions = {}): Promise<NativeStore> {
    const path = resolve(folder);
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      const native = await openNative(path, maxBindings, lock);
      const store = new NativeStore(native, durable === "disk");
      if (native.isFirst && lock === undefined) {
        for (const { name, at, lost } of native.damaged()) onLoss(`${path}/${name} is damaged: read up to octet ${at}, the ${lost} octets after that are lost; phones in them come back when they register again`);
        await importLmdb(path, store, onLoss);
      }
      return store;
    } catch (error) {
      throw new StoreUnavailable(`the location store cannot be opened: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The table itself, for a caller that looks up. */
  get location(): Location {
    return this.#native;
  }

  /** The same for a caller that writes the journal before it answers; undefined if answers have to wait for the disk. */
  get table(): Location | undefined {
    return this.#isDurable ? undefined : this.#native;
  }

  /** Learns who registered over connections of an earlier run of this process, for requests that still follow them. */
  learnPastFlows(cluster: number): Promise<void> {
    return this.#native.learnPastFlows(cluster);
  }

  now(): number {
    return monotonic() + this.#native.clockOffset;
  }

  async save(aor: string, operation: RegisterOperation): Promise<SaveResult> {
    const now = this.now();
    const text = this.#native.save(this.#rows.write(aor, operation, now), this.#rows.numbers);
    switch (this.#rows.outcome) {
      case Outcome.outOfOrder:
        return { outcome: "out-of-order" };
      case Outcome.full:
        return { outcome: "full" };
      case Outcome.noRoom:
        throw new StoreUnavailable("the location store has no room for another binding: SLUICE_MAX_BINDINGS");
      case Outcome.sourceFull:
        return { outcome: "source-full" };
      case Outcome.away:
        throw this.#away();
    }
    const bindings = this.#rows.read(aor, text) ?? this.#alive(aor, now);
    await this.#write();
    return { outcome: "saved", bindings };
  }

  // oxlint-disable-next-line typescript/require-await -- async turns a throw into a rejection.
  async lookup(aor: string): Promise<readonly Binding[]> {
    return isOctets(aor) ? this.#alive(aor, this.now()) : [];
  }

  async remove(aor: string, key: string, seen = Number.MAX_SAFE_INTEGER): Promise<void> {
    if (isOctets(aor) && this.#native.remove(aor, key, seen)) await this.#write();
  }

  /** A flow may carry a hundred thousand addresses of record: they are removed in slices, with other work in between. */
  async removeFlow(flow: string, isLeaving = false): Promise<number> {
    // The next run reads who registered over it, and removes the bindings that only it kept alive.
    if (isLeaving) return 0;
    let removed = 0;
    let written: Promise<void> | undefined;
    while (!this.#isClosed) {
      const count = this.#native.removeFlow(flow, SLICE, this.#rows.numbers);
      const hasMore = this.#rows.outcome !== 0;
      removed += count;
      if (count > 0) written = this.#write();
      // A disk that fails keeps nothing in memory that has ended.
      written?.catch(() => undefined);
      if (!hasMore) break;
      await nextTurn();
    }
    await written;
    return removed;
  }

  // oxlint-disable-next-line typescript/require-await -- a store that other nodes share has to ask.
  async past(): Promise<readonly Binding[]> {
    return [];
  }

  async expire(): Promise<number> {
    let removed = 0;
    while (!this.#isClosed) {
      removed += this.#native.expire(this.now(), this.#rows.numbers);
      if (this.#rows.outcome === 0) break;
      await nextTurn();
    }
    return removed;
  }

  // oxlint-disable-next-line typescript/require-await -- async turns a throw into a rejection.
  async addresses(from: string): Promise<{ readonly aors: readonly string[]; readonly next: string; readonly expiries?: Float64Array }> {
    const stripe = Number(from);
    const found = this.#native.addresses(stripe);
    return found === undefined ? { aors: [], next: "" } : { ...found, next: String(stripe + 1) };
  }

  /** What happens to bindings is counted from now on, and kept for `news` only if `lists`. */
  wantNews(lists: boolean): void {
    this.#native.wantNews(lists);
  }

  /** As Location has it. */
  news(run: string, number: number, now: number, wantsRows: boolean, room: Buffer): BindingNews {
    return this.#native.news(run, number, now, wantsRows, room);
  }

  setMost(maxBindings: number): void {
    this.#native.setBounds(maxBindings, maxBindings * BINDING_OCTETS);
  }

  counts(): LocationCounts {
    return this.#native.counts();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#native.flush();
    await Promise.allSettled([this.#written, this.#syncing, this.#nextSync]);
    this.#native.close();
  }

  #alive(aor: string, now: number): readonly Binding[] {
    for (;;) {
      const bindings = this.#rows.read(aor, this.#native.lookup(aor, now, this.#rows.numbers));
      if (bindings !== undefined) return bindings;
    }
  }

  /** Everything that the current turn changes is written in one call, when its microtasks are done. */
  #write(): Promise<void> {
    this.#written ??= new Promise((fulfil, reject) => {
      process.nextTick(() => {
        this.#written = undefined;
        if (this.#isClosed) return fulfil();
        const errno = this.#native.flush();
        if (errno !== 0) return reject(this.#away(errno));
        if (this.#isDurable) this.#sync().then(fulfil, reject);
        else fulfil();
      });
    });
    return this.#written;
  }

  /** One at a time: what is written while one runs is in the next (group commit). */
  #sync(): Promise<void> {
    this.#nextSync ??= (async () => {
      await this.#syncing?.catch(() => undefined);
      this.#syncing = this.#nextSync;
      this.#nextSync = undefined;
      const errno = await this.#native.sync();
      if (errno !== 0) throw this.#away(errno);
    })();
    return this.#nextSync;
  }

  #away(errno = this.#native.counts().errno || EIO): StoreUnavailable {
    return new StoreUnavailable(`the location store cannot be written: ${getSystemErrorName(-errno)}`, { isKnown: true });
  }
}

async function openNative(folder: string, maxBindings: number, lock?: number): Promise<Location> {
  const offset = anchorIn(folder).offset;
  for (let waited = 0; ; waited += BUSY_EVERY_MS) {
    try {
      return new binding.Location(folder, maxBindings, maxBindings * BINDING_OCTETS, offset, monotonic() + offset, lock);
    } catch (error) {
      const isBusy = error instanceof Error && "code" in error && error.code === "EBUSY";
      if (!isBusy || waited >= BUSY_MS) throw error;
    }
    await sleep(BUSY_EVERY_MS);
  }
}

/** What the operator asks about may be any text; what phones register under is octets. */
function isOctets(text: string): boolean {
  return !/[^\0-\xff]/.test(text);
}
