/** Which counts of a nonce were used: the same request cannot be sent again by somebody who overheard it (RFC 7616 3.4 and 5.5). */

const WINDOW = 32;
const MOST_NONCES = 50_000;

interface Used {
  highest: number;
  /** Bit n: the count `highest - n` was used. */
  bits: number;
}

/** Only credentials that were right are counted, so that nobody without a password can fill it. */
export class NonceCounts {
  readonly #most: number;
  #young = new Map<string, Used>();
  #old: ReadonlyMap<string, Used> = new Map();

  /** It remembers the `most` nonces used last, and up to as many more. */
  constructor(most = MOST_NONCES) {
    this.#most = most;
  }

  /** False: that count was used, or is so far behind that nobody knows. Requests may overtake each other by up to 31 counts. */
  use(nonce: string, count: number): boolean {
    if (count < 1) return false;
    const used = this.#young.get(nonce) ?? this.#old.get(nonce);
    if (used === undefined) {
      this.#remember(nonce, { highest: count, bits: 1 });
      return true;
    }
    const ahead = count - used.highest;
    if (ahead > 0) {
      used.bits = (ahead < WINDOW ? (used.bits << ahead) | 1 : 1) >>> 0;
      used.highest = count;
    } else {
      const bit = -ahead < WINDOW ? (1 << -ahead) >>> 0 : 0;
      if (bit === 0 || (used.bits & bit) !== 0) return false;
      used.bits = (used.bits | bit) >>> 0;
    }
    this.#remember(nonce, used);
    return true;
  }

  #remember(nonce: string, used: Used): void {
    this.#young.set(nonce, used);
    if (this.#young.size <= this.#most) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
