/** The seats of the pool together: who runs, what all have been told to do, what they have counted. */
import { Counter } from "../native/layout.js";
import type { ToShard } from "./messages.js";
import { GAUGES, Seat } from "./seat.js";
import type { ShardThread } from "./shard-thread.js";

/** By the name of a counter, of each shard, in decimal. */
export type CounterTotals = Readonly<Record<string, readonly string[]>>;

export class Seats {
  readonly #seats: readonly Seat[];

  constructor(count: number) {
    this.#seats = Array.from({ length: count }, () => new Seat());
  }

  get size(): number {
    return this.#seats.length;
  }

  of(shard: number): Seat {
    return this.#seats[shard]!;
  }

  get all(): readonly Seat[] {
    return this.#seats;
  }

  get threads(): readonly ShardThread[] {
    return this.#seats.flatMap(({ thread }) => thread ?? []);
  }

  /** The numbers of shards that are reading. */
  get running(): readonly number[] {
    return this.#seats.flatMap(({ isAlive }, shard) => (isAlive ? [shard] : []));
  }

  get areDrained(): boolean {
    return this.#seats.every(({ isDrained }) => isDrained);
  }

  /** The state of shards that have been down for so long that only a new process can help. */
  get ills(): readonly string[] {
    return this.#seats.flatMap(({ ail, isDrained }, shard) => (ail === undefined || isDrained ? [] : [`shard ${shard} ${ail}`]));
  }

  tell(message: ToShard): void {
    // A shard that is still loading gets the standing orders when it is ready.
    for (const thread of this.threads) if (thread.state !== "loading" || message.kind === "close") thread.tell(message);
  }

  /** The sum over all shards. */
  counter(which: number): bigint {
    return this.#seats.reduce((sum, seat) => sum + seat.counter(which), 0n);
  }

  /** What each shard has counted, for the process that takes over. The names are the same in every version, the numbers need not be. */
  totals(): CounterTotals {
    return Object.fromEntries(counted().map(([name, which]) => [name, this.#seats.map((seat) => String(seat.counter(which)))]));
  }

  /** Counts on from what the process before had counted. */
  countFrom(totals: CounterTotals): void {
    for (const [name, which] of counted()) this.#seats.forEach((seat, shard) => seat.countFrom(which, BigInt(totals[name]?.[shard] ?? 0)));
  }
}

function counted(): readonly (readonly [name: string, which: number])[] {
  return Object.entries(Counter).filter(([, which]) => !GAUGES.includes(which));
}
