/** The embedded location store as the process sees it: opened before any shard, watched, and closed behind them. */
import { getSystemErrorName } from "node:util";
import type { Config } from "../config/config.js";
import { EMBEDDED } from "../config/location.js";
import { folderOf } from "../location/open-store.js";
import type { NativeStore } from "../location/native-store.js";
import type { LocationCounts } from "../native/location-handle.js";
import type { BindingNews } from "../native/inspect.js";
import type { Log } from "../observe/log.js";

const LOOK_MS = 1_000;

export class EmbeddedStore {
  readonly #store: NativeStore;
  readonly #log: Log;
  #maxBindings: number;
  readonly #timer: NodeJS.Timeout;
  #isUp = true;
  #hasRoom = true;
  #snapshotErrno = 0;

  private constructor(store: NativeStore, log: Log, maxBindings: number) {
    this.#store = store;
    this.#log = log;
    this.#maxBindings = maxBindings;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Undefined when there is none: an edge, or a Redis. `lock`: of the process that this one replaces. Rejects with one line. */
  static async open({ mode, location, stateDir, durable, maxBindings }: Config, cluster: number, log: Log, lock?: number): Promise<EmbeddedStore | undefined> {
    if (mode === "edge" || location !== EMBEDDED) return undefined;
    const { NativeStore } = await import("../location/native-store.js");
    const begin = performance.now();
    const store = await NativeStore.open(folderOf(stateDir), { durable, maxBindings, lock, onLoss: (line) => log.error(line) });
    // That process knows them, and hands them over.
    if (lock === undefined) await store.learnPastFlows(cluster);
    const { bindings, addresses } = store.counts();
    if (bindings > 0) log.info({ bindings, addresses, milliseconds: Math.round(performance.now() - begin) }, "the location store was read");
    const embedded = new EmbeddedStore(store, log, maxBindings);
    // Bindings that ended with the run before are not news.
    store.wantNews(false);
    embedded.#look();
    return embedded;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  setMost(maxBindings: number): void {
    this.#maxBindings = maxBindings;
    this.#store.setMost(maxBindings);
  }

  counts(): LocationCounts {
    return this.#store.counts();
  }

  /** Whether somebody reads what happens to bindings; it is counted anyway. */
  wantNews(lists: boolean): void {
    this.#store.wantNews(lists);
  }

  news(run: string, number: number, now: number, wantsRows: boolean, room: Buffer): BindingNews {
    return this.#store.news(run, number, now, wantsRows, room);
  }

  /** Another process will read the folder: from now on no file is deleted. Throws one line. */
  hold(): void {
    const errno = this.#store.location.hold();
    if (errno !== 0) throw new Error(`the location store cannot be written (${nameOf(errno)}): make room on the disk of SLUICE_STATE_DIR first`);
  }

  /** The descriptor that locks the folder. */
  get lock(): number {
    return this.#store.location.lock();
  }

  /** This process goes on: that one has failed, and what it may have written is read. */
  goOn(): void {
    const loss = this.#store.location.goOn();
    if (loss !== "") this.#log.error({ reason: loss }, "the location store went through an upgrade that failed");
  }

  /** The process before is gone. */
  settle(): void {
    this.#store.location.settle();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#store.close();
  }

  /** A line when something changes, none while it stays so. */
  #look(): void {
    const { errno, snapshotErrno, bindings } = this.#store.counts();
    if (this.#isUp !== (errno === 0)) {
      this.#isUp = errno === 0;
      if (this.#isUp) this.#log.info("the location store can be written again");
      else this.#log.error({ reason: nameOf(errno) }, "the location store cannot be written: REGISTER gets 503, calls go on; make room on the disk of SLUICE_STATE_DIR, it recovers by itself");
    }
    if (this.#snapshotErrno !== snapshotErrno) {
      this.#snapshotErrno = snapshotErrno;
      if (snapshotErrno !== 0) this.#log.warn({ reason: nameOf(snapshotErrno) }, "no snapshot of the location store can be written: its journal grows until one can; make room on the disk of SLUICE_STATE_DIR");
    }
    const hasRoom = bindings < this.#maxBindings;
    if (hasRoom !== this.#hasRoom && !hasRoom) this.#log.error({ bindings }, "the location store is full: new bindings get 503; raise SLUICE_MAX_BINDINGS");
    this.#hasRoom = hasRoom;
  }
}

function nameOf(errno: number): string {
  return getSystemErrorName(-errno);
}
