/** Random octets in small pieces: the system is asked for many at a time, for a call costs more than the octets. */
import { randomFillSync } from "node:crypto";

const POOL = 4_096;

export class RandomPool {
  readonly #pool = Buffer.alloc(POOL);
  #next = POOL;

  /** At most 4096; nobody else gets the same. */
  take(octets: number): Buffer {
    if (this.#next + octets > POOL) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    this.#next += octets;
    return Buffer.from(this.#pool.subarray(this.#next - octets, this.#next));
  }
}
