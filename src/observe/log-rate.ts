/** Lets a key log a few lines a second and counts the rest, so that hostile traffic cannot fill the disk. */

export interface LogRateOptions {
  /** Lines of one key in a second. */
  readonly perSecond?: number;
  /** Keys remembered in a second; further ones share one key. */
  readonly mostKeys?: number;
  /** Milliseconds of a clock that never runs back. */
  readonly now?: () => number;
}

const OTHERS = "(others)";

export class LogRate {
  readonly #perSecond: number;
  readonly #mostKeys: number;
  readonly #now: () => number;
  #second = -1;
  #lines = new Map<string, number>();
  #suppressed = 0;

  constructor({ perSecond = 1, mostKeys = 100, now = () => performance.now() }: LogRateOptions = {}) {
    this.#perSecond = perSecond;
    this.#mostKeys = mostKeys;
    this.#now = now;
  }

  /** True: this line may be written. */
  allows(key: string): boolean {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = new Map();
    }
    const name = this.#lines.has(key) || this.#lines.size < this.#mostKeys ? key : OTHERS;
    const lines = (this.#lines.get(name) ?? 0) + 1;
    this.#lines.set(name, lines);
    if (lines <= this.#perSecond) return true;
    this.#suppressed += 1;
    return false;
  }

  /** How many lines were suppressed since the last call. */
  takeSuppressed(): number {
    const count = this.#suppressed;
    this.#suppressed = 0;
    return count;
  }
}
