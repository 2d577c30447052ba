/** So many at once, and on average so many a second. */
export interface Allowance {
  readonly atOnce: number;
  readonly perSecond: number;
}

export class Bucket {
  readonly #allowance: Allowance;
  #room: number;
  #filledAt: number;

  /** `now`, here and later: milliseconds of a clock that never runs back. */
  constructor(allowance: Allowance, now: number) {
    this.#allowance = allowance;
    this.#room = allowance.atOnce;
    this.#filledAt = now;
  }

  /** False: there were too many. */
  takes(now: number): boolean {
    const { atOnce, perSecond } = this.#allowance;
    this.#room = Math.min(atOnce, this.#room + ((now - this.#filledAt) / 1_000) * perSecond);
    this.#filledAt = now;
    if (this.#room < 1) return false;
    this.#room -= 1;
    return true;
  }
}
