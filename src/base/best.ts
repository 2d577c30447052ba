/** Keeps the best of many, not the others. */
export class Best<T> {
  readonly #list: T[] = [];
  readonly #most: number;
  readonly #order: (one: T, other: T) => number;

  /** `order`: negative if `one` is better. */
  constructor(most: number, order: (one: T, other: T) => number) {
    this.#most = most;
    this.#order = order;
  }

  /** Best first. */
  get list(): readonly T[] {
    return this.#list;
  }

  /** The worst one kept, once there is no room for a worse one. */
  get bar(): T | undefined {
    return this.#list.length < this.#most ? undefined : this.#list.at(-1);
  }

  add(item: T): void {
    const { bar } = this;
    if (bar !== undefined && this.#order(item, bar) >= 0) return;
    let [low, high] = [0, this.#list.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#list[middle];
      if (other !== undefined && this.#order(item, other) < 0) high = middle;
      else low = middle + 1;
    }
    this.#list.splice(low, 0, item);
    if (this.#list.length > this.#most) this.#list.pop();
  }
}
