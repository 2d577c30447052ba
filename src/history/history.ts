/** What happened yesterday: takes events from everybody, numbers them, writes them down and tells those who watch. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../base/replace-file.js";
import type { Log } from "../observe/log.js";
import { type Happening, type HistoryEvent, KINDS, type Kind } from "./event.js";
import { Journal, LENT } from "./journal.js";
import type { BindingNews } from "../native/inspect.js";
import { Gate } from "./gate.js";
import { kindOfBinding, ofBinding } from "./readings.js";
import { type HistoryPage, type HistoryQuery, search } from "./search.js";
import { Segments } from "./segments.js";

const MEGABYTE = 1 << 20;
const MAX_EARLY = 10_000;

export interface HistoryOptions {
  readonly stateDir: string;
  /** 0: nothing is written. */
  readonly megabytes: number;
  readonly version: string;
  readonly log: Log;
}

/** The embedded store, as `Location` of the addon has it. */
export interface BindingNewsSource {
  readonly news: (run: string, number: number, now: number, wantsRows: boolean, room: Buffer) => BindingNews;
}

interface Run {
  readonly version: string;
  readonly ended: boolean;
}

export class History {
  /** Undefined: SLUICE_HISTORY_MEGABYTES is 0. */
  readonly journal: Journal | undefined;
  readonly #folder: string;
  readonly #version: string;
  readonly #watchers = new Set<(events: readonly HistoryEvent[]) => void>();
  readonly #followers = new Set<() => void>();
  readonly #counts = new Map<Kind, number>(KINDS.map((kind) => [kind, 0]));
  readonly #run = Date.now().toString(36);
  readonly #gate = new Gate();
  /** For lines that nobody keeps. */
  #room: Buffer | undefined;
  #count = 0;
  #isOpen = false;
  #early: Happening[] | undefined = [];
  #suppressed = 0;
  #missed = 0;

  constructor({ stateDir, megabytes, version, log }: HistoryOptions) {
    this.#folder = join(stateDir, "history");
    this.#version = version;
    this.journal = megabytes === 0 ? undefined : new Journal(new Segments(this.#folder, megabytes * MEGABYTE), log);
  }

  /** Begins with which version runs now, and how the run before ended. */
  async open(): Promise<void> {
    this.#isOpen = true;
    await this.journal?.open();
    const last = this.#lastRun();
    const why = last === undefined || last.ended ? undefined : "the run before ended without a word: a crash, kill -9 or a power cut";
    const early = this.#early ?? [];
    this.#early = undefined;
    this.record([{ kind: "started", at: Date.now(), version: this.#version, before: last?.version === this.#version ? undefined : last?.version, why }, ...early]);
    this.#noteRun(false);
  }

  /** What comes before `open`, as long as the process before still writes, waits within a bound. */
  record(happenings: readonly Happening[]): void {
    if (this.#early !== undefined) return this.#keepEarly(happenings);
    const admitted = happenings.filter((happening) => this.#gate.admits(happening));
    this.#suppressed += this.#gate.takeSuppressed();
    if (admitted.length === 0) return;
    const events = admitted.map((happening): HistoryEvent => {
      this.#add(happening.kind, 1);
      return { id: this.#nextId(), ...happening };
    });
    for (const event of events) this.journal?.append(JSON.stringify(event));
    this.#tell(events);
  }

  /** Takes a part of what happened to bindings, of which the addon has made lines already, and returns how many events these are. */
  take(source: BindingNewsSource): number {
    const now = Date.now();
    const room = this.journal?.lend() ?? (this.#room ??= Buffer.allocUnsafeSlow(LENT));
    const { count, octets, rows = [], counts = [], lost = 0, suppressed = 0 } = source.news(this.#run, this.#count + 1, now, this.#watchers.size > 0, room);
    counts.forEach((of, event) => this.#add(kindOfBinding(event), of));
    this.#missed += lost;
    this.#suppressed += suppressed;
    this.journal?.appendLines(room.subarray(0, octets), count);
    if (count === 0) return 0;
    if (rows.length === 0) this.#count += count;
    this.#tell(rows.map((row) => ({ id: this.#nextId(), ...ofBinding(row, now) })));
    return count;
  }

  /** Whether anybody reads what happens; otherwise it need not even be written as a line. */
  get isRead(): boolean {
    return this.journal !== undefined || this.#watchers.size > 0;
  }

  /** How many events of each kind there were since the start. */
  get counts(): ReadonlyMap<Kind, number> {
    return this.#counts;
  }

  /** Events that are not in the history: for lack of room, or because their source had too many. */
  get lost(): { readonly room: number; readonly source: number } {
    return { room: this.#missed + (this.journal?.lost ?? 0), source: this.#suppressed };
  }

  async search(query: HistoryQuery): Promise<HistoryPage> {
    if (this.journal === undefined) return { rows: [], next: undefined };
    await this.journal.written();
    return search(this.journal.segments, query);
  }

  /** Objects are made only while somebody watches; whoever reads the files follows. */
  watch(watcher: (events: readonly HistoryEvent[]) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** `follower` is called when there is something new to read. */
  follow(follower: () => void): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Nothing to do if it was never opened. */
  async close(why: string): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.record([{ kind: "stopped", at: Date.now(), version: this.#version, why }]);
    this.#noteRun(true);
    await this.journal?.close();
  }

  #keepEarly(happenings: readonly Happening[]): void {
    const room = MAX_EARLY - (this.#early?.length ?? 0);
    this.#early?.push(...happenings.slice(0, room));
    this.#missed += Math.max(happenings.length - room, 0);
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.#run}-${this.#count.toString(36)}`;
  }

  #add(kind: Kind, count: number): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }

  #tell(events: readonly HistoryEvent[]): void {
    for (const follower of this.#followers) follower();
    if (events.length > 0) for (const watcher of this.#watchers) watcher(events);
  }

  get #runFile(): string {
    return join(this.#folder, "run.json");
  }

  #lastRun(): Run | undefined {
    try {
      return JSON.parse(readFileSync(this.#runFile, "utf8")) as Run;
    } catch {
      return undefined;
    }
  }

  #noteRun(ended: boolean): void {
    if (this.journal === undefined) return;
    const run: Run = { version: this.#version, ended };
    try {
      replaceFile(this.#runFile, `${JSON.stringify(run)}\n`);
    } catch {
      // The journal reports a folder that cannot be written.
    }
  }
}
