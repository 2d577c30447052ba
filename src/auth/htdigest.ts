/** Files of `user:realm:HA1` lines, as htdigest writes them: 32 hexadecimal digits are MD5, 64 are SHA-256. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type DigestAlgorithm, HEX_DIGITS } from "./digest.js";
import type { Ha1List, Ha1s } from "./credential-store.js";

/** Lines read in one go where others wait: a fraction of a millisecond. */
const SLICE_LINES = 500;

/** The users of a file; text is octets as latin1 characters. */
export class HtdigestUsers {
  readonly #users = new Map<string, Ha1s>();
  /** Users who have a hash of it. */
  readonly #having = { "SHA-256": 0, MD5: 0 };

  /** Throws an Error that names the line, and nothing of what it holds. A user may have a line for each algorithm. */
  constructor(text: string) {
    this.#read(text, 0, 1, Infinity);
  }

  /** The same a slice at a time, other work in between. */
  static async inSlices(text: string): Promise<HtdigestUsers> {
    const users = new HtdigestUsers("");
    for (let at = 0, number = 1; at < text.length; number += SLICE_LINES) {
      at = users.#read(text, at, number, SLICE_LINES);
      await nextTurn();
    }
    return users;
  }

  /** The algorithms that every user has; empty when they have none in common, or there is no user. */
  get common(): readonly DigestAlgorithm[] {
    const { size } = this.#users;
    return (["SHA-256", "MD5"] as const).filter((algorithm) => size > 0 && this.#having[algorithm] === size);
  }

  find(user: string, realm: string): Ha1s | undefined {
    return this.#users.get(keyOf(user, realm));
  }

  /** As `CredentialStore.all`. */
  all(algorithms: readonly DigestAlgorithm[]): Ha1List {
    const count = algorithms.reduce((sum, algorithm) => sum + this.#having[algorithm], 0);
    return { count, slices: this.#slices(algorithms) };
  }

  *#slices(algorithms: readonly DigestAlgorithm[]): Generator<string> {
    let lines = "";
    let count = 0;
    for (const [key, ha1s] of this.#users) {
      for (const algorithm of algorithms) {
        const ha1 = ha1s[algorithm];
        if (ha1 !== undefined) lines += `${key}\n${ha1}\n`;
      }
      count += 1;
      if (count % SLICE_LINES !== 0) continue;
      yield lines;
      lines = "";
    }
    yield lines;
  }

  /** Lines from `at` on, `most` of them, the first one with that number; where the next one begins. */
  #read(text: string, from: number, first: number, most: number): number {
    let at = from;
    for (let number = first; at < text.length && number < first + most; number += 1) {
      const found = text.indexOf("\n", at);
      const end = found < 0 ? text.length : found;
      const line = text.slice(at, end).replace(/\r$/, "");
      at = end + 1;
      if (line.trim() !== "" && !line.startsWith("#")) this.#add(line, number);
    }
    return at;
  }

  #add(line: string, number: number): void {
    // No user holds a colon (RFC 7616 3.4), a realm may.
    const [first, last] = [line.indexOf(":"), line.lastIndexOf(":")];
    const ha1 = line.slice(last + 1);
    const algorithm = ha1.length === HEX_DIGITS.MD5 ? "MD5" : "SHA-256";
    if (first < 1 || last === first || ha1.length !== HEX_DIGITS[algorithm] || !/^[0-9a-f]+$/i.test(ha1)) {
      throw new Error(`user:realm:HA1 with 32 or 64 hexadecimal digits in line ${number}`);
    }
    const key = keyOf(line.slice(0, first), line.slice(first + 1, last));
    const known = this.#users.get(key);
    if (known?.[algorithm] === undefined) this.#having[algorithm] += 1;
    this.#users.set(key, { ...known, [algorithm]: ha1.toLowerCase() });
  }
}

function keyOf(user: string, realm: string): string {
  return `${user}\n${realm}`;
}
