/** What a shard asks by numbers: the REGISTERs of a batch are one script, and so are its lookups. */
import { type StoreBatches, StoreUnavailable } from "./store.js";

/** What the script needs of a REGISTER beside what C++ has packed. */
export interface BatchRow {
  readonly aor: string;
  /** Empty: the binding has none. */
  readonly flow: string;
  /** The client whose share it counts against; empty: nobody's. */
  readonly payer: string;
  readonly expiresAt: number;
}

export interface RedisBatchesNeeds {
  /** The outcomes, and a line for each thing that happened. */
  readonly run: (rows: readonly BatchRow[], operations: Uint8Array) => Promise<readonly Buffer[]>;
  readonly find: (aors: readonly string[]) => Promise<Uint8Array>;
  readonly onEvent: (event: string, aor: string, row: string) => void;
  /** A REGISTER that failed by itself. */
  readonly onFault: (error: StoreUnavailable) => void;
}

const LINES = 4;

export class RedisBatches implements StoreBatches {
  readonly #needs: RedisBatchesNeeds;
  #follow: (offset: number) => void = () => undefined;
  #offset = 0;

  constructor(needs: RedisBatchesNeeds) {
    this.#needs = needs;
  }

  async save(operations: Uint8Array, names: string): Promise<Uint8Array> {
    const { run, onEvent, onFault } = this.#needs;
    const rows = readRows(names);
    const [outcomes = Buffer.alloc(0), ...happened] = await run(rows, operations);
    for (const line of happened) {
      const [, index = "", event = "", rest = ""] = /^(\d+) (\S+) (.*)$/s.exec(line.toString()) ?? [];
      if (event === "failed") onFault(new StoreUnavailable(`Redis refused a REGISTER: ${rest}`));
      else onEvent(event, rows[Number(index)]?.aor ?? "", rest);
    }
    return outcomes;
  }

  find(aors: readonly string[]): Promise<Uint8Array> {
    return this.#needs.find(aors);
  }

  followClock(listener: (offset: number) => void): void {
    this.#follow = listener;
    listener(this.#offset);
  }

  setClock(offset: number): void {
    this.#offset = offset;
    this.#follow(offset);
  }
}

function readRows(names: string): readonly BatchRow[] {
  const lines = names.split("\n");
  const rows: BatchRow[] = [];
  for (let at = 0; at + LINES <= lines.length; at += LINES) {
    rows.push({ aor: lines[at] ?? "", flow: lines[at + 1] ?? "", payer: lines[at + 2] ?? "", expiresAt: Number(lines[at + 3]) });
  }
  return rows;
}
