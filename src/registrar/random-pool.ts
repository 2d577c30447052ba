/** Random octets in small pieces, fetched from the system many at a time: a call costs more than the octets. */
import { randomFillSync } from "node:crypto";

const POOL = 4_096;

export class RandomPool {
  readonly #pool = Buffer.alloc(POOL);
  #next = POOL;

  /** At most 4096 octets, never handed out twice. */
  take(octets: number): Buffer {
    if (this.#next + octets > POOL) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    this.#next += octets;
    return Buffer.from(this.#pool.subarray(this.#next - octets, this.#next));
  }
}
