/** Sources that the operator has shut out, each for a time. */
import { isIP } from "node:net";
import type { Log } from "../observe/log.js";
import type { ShardPool } from "../shard/pool.js";
import { Refusal } from "./refusal.js";

const MOST = 4_096;

export interface BanView {
  readonly address: string;
  readonly secondsLeft: number;
}

export class Bans {
  readonly #until = new Map<string, number>();
  readonly #pool: ShardPool;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: ShardPool, log: Log) {
    this.#pool = pool;
    this.#log = log;
  }

  list(): readonly BanView[] {
    const now = Date.now();
    return [...this.#until].map(([address, until]) => ({ address, secondsLeft: Math.ceil((until - now) / 1_000) }));
  }

  add(address: string, seconds: number): void {
    if (isIP(address) === 0) throw new Refusal(400, "a ban needs a literal address");
    if (!this.#until.has(address) && this.#until.size >= MOST) throw new Refusal(409, `there are ${MOST} bans already`);
    this.#until.set(address, Date.now() + seconds * 1_000);
    this.#log.warn({ address, seconds }, "address banned");
    this.#apply();
  }

  remove(address: string): void {
    if (!this.#until.delete(address)) throw new Refusal(404, `${address} is not banned`);
    this.#log.info({ address }, "ban lifted");
    this.#apply();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #apply(): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    for (const [address, until] of this.#until) if (until <= now) this.#until.delete(address);
    this.#pool.setBans([...this.#until.keys()]);
    const next = Math.min(...this.#until.values());
    // A timer cannot wait longer than 24 days.
    if (next < Infinity) this.#timer = setTimeout(() => this.#apply(), Math.min(next - now, 2_000_000_000)).unref();
  }
}
