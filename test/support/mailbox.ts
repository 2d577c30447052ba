/** What has arrived and has not been read yet, with a deadline for those who wait. */

/** Long enough for a loaded machine: no test passes because of it, and a failing one only takes this long to fail. */
export const PATIENCE = 10_000 * Number(process.env["TEST_PATIENCE"] ?? "1");

export class Mailbox<T> {
  readonly #items: T[] = [];
  readonly #readers: ((item: T) => void)[] = [];

  put(item: T): void {
    const reader = this.#readers.shift();
    if (reader) reader(item);
    else this.#items.push(item);
  }

  take(what: string, timeout = PATIENCE): Promise<T> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve, reject) => {
      const reader = (late: T): void => {
        clearTimeout(timer);
        resolve(late);
      };
      const timer = setTimeout(() => {
        this.#readers.splice(this.#readers.indexOf(reader), 1);
        reject(new Error(`${what}: nothing came in ${timeout} ms`));
      }, timeout);
      this.#readers.push(reader);
    });
  }

  peek(): readonly T[] {
    return this.#items;
  }

  clear(): void {
    this.#items.length = 0;
  }
}
