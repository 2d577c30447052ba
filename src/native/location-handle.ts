/** The embedded location store of the addon, as JavaScript holds it. */
import type { BindingNews } from "./inspect.js";

/** How the embedded location store does. */
export interface LocationCounts {
  readonly bindings: number;
  readonly addresses: number;
  /** In memory. */
  readonly octets: number;
  /** Octets of the journal since the last snapshot. */
  readonly journalOctets: number;
  /** Times that the disk refused the journal. */
  readonly failures: number;
  readonly snapshots: number;
  /** Nanoseconds that a snapshot held a lock at most. */
  readonly longestLock: number;
  /** While the journal cannot be written, else 0. */
  readonly errno: number;
  /** Of the last snapshot. */
  readonly snapshotErrno: number;
}

/**
 * The embedded location store (native/core/home/binding_store.h), the same one for all who open its folder in this process. `numbers` is
 * what src/location/native-row.ts makes of it. After `close` every method throws.
 */
export interface Location {
  /** Whether nothing in this process had the folder open. */
  readonly isFirst: boolean;
  /** What the first one returned. */
  readonly clockOffset: number;
  /** Returns the texts of what lives after it. */
  save(text: string, numbers: Float64Array): string;
  /** Lower ones remove nothing. */
  setBounds(maxBindings: number, maxOctets: number): void;
  lookup(aor: string, now: number, numbers: Float64Array): string;
  remove(aor: string, key: string, seen: number): boolean;
  /** How many of about `most` went; the first of the numbers says whether there are more. */
  removeFlow(flow: string, most: number, numbers: Float64Array): number;
  /** Tells the cluster who registered over connections of an earlier run of the process, and removes bindings that only they kept alive. */
  learnPastFlows(cluster: number): Promise<void>;
  expire(now: number, numbers: Float64Array): number;
  /** What happens to bindings is counted from now on, and kept for `news` only if `lists`. */
  wantNews(lists: boolean): void;
  /** Writes the next part of what happened to bindings into `room`, as lines with ids that begin with `run` and count from `number`, at `now`; also as `rows` if wanted. */
  news(run: string, number: number, now: number, wantsRows: boolean, room: Buffer): BindingNews;
  /** Writes what was changed; an errno: it may be lost. */
  flush(): number;
  /** Synchronises what was flushed; an errno. */
  sync(): Promise<number>;
  /** The addresses of record of one stripe of the table, with when the first and the last binding of each expire; undefined: there is no such stripe. */
  addresses(stripe: number): { readonly aors: readonly string[]; readonly expiries: Float64Array } | undefined;
  counts(): LocationCounts;
  /** Files that were not read to their end. */
  damaged(): readonly { readonly name: string; readonly at: number; readonly lost: number }[];
  /** Another process will take over: no file is deleted from now on. An errno while the journal cannot be written. */
  hold(): number;
  /** The descriptor that locks the folder. */
  lock(): number;
  /** No other process has taken over, or it has died: reads what it wrote, and goes on. Empty, or one line that says what is lost. */
  goOn(): string;
  /** The process before is gone. */
  settle(): void;
  close(): void;
}
