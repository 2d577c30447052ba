/** Files of `user:realm:HA1` lines, as htdigest writes them: 32 hexadecimal digits are MD5, 64 are SHA-256. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type DigestAlgorithm, HEX_DIGITS } from "./digest.js";
import type { Ha1List, Ha1s } from "./credential-store.js";

/** Lines read in one go where others wait: a fraction of a millisecond. */
const SLICE_LINES = 500;
const SHORTEST_LINE = "u::".length + HEX_DIGITS.MD5;
/** UTF-8's byte order mark, which some editors put before the first user. */
const BYTE_ORDER_MARK = "\xEF\xBB\xBF";

/** Where the parts of a line are in the file. */
interface Line {
  readonly begin: number;
  readonly realm: number;
  readonly ha1: number;
  readonly end: number;
}

/**
 * The users of a file; text is octets as latin1 characters. The file stays one text, and one array finds its lines: an object and some strings for
 * each of a hundred thousand users are marked and moved by the collector just when the first of them log in.
 */
export class HtdigestUsers {
  readonly #text: string;
  /** Where lines begin, plus one, by the hash of user and realm, with linear probing; of a user's lines for one algorithm, the last. 0: empty. */
  readonly #places: Int32Array;
  /** Where the first line begins, and the next one, and its number. */
  readonly #begin: number;
  #at: number;
  #number = 1;
  #count = 0;
  /** Users who have a hash of it. */
  readonly #having = { "SHA-256": 0, MD5: 0 };

  /** Throws an Error that names the line, and nothing of what it holds. A user may have a line for each algorithm. */
  constructor(text: string, lines = Infinity) {
    this.#text = text;
    this.#begin = text.startsWith(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
    this.#at = this.#begin;
    // Half full at most, however short the lines are.
    const most = Math.floor(text.length / SHORTEST_LINE) + 1;
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * most)));
    this.#read(lines);
  }

  /** The same a slice at a time, other work in between. */
  static async inSlices(text: string): Promise<HtdigestUsers> {
    const users = new HtdigestUsers(text, SLICE_LINES);
    while (users.#at < text.length) {
      await nextTurn();
      users.#read(SLICE_LINES);
    }
    return users;
  }

  /** The algorithms that every user has; empty when they have none in common, or there is no user. */
  get common(): readonly DigestAlgorithm[] {
    return (["SHA-256", "MD5"] as const).filter((algorithm) => this.#count > 0 && this.#having[algorithm] === this.#count);
  }

  find(user: string, realm: string): Ha1s | undefined {
    // No user holds a colon (RFC 7616 3.4), and none the end of a line.
    const key = `${user}:${realm}:`;
    if (user === "" || user.includes(":") || key.includes("\n")) return undefined;
    let found: Ha1s | undefined;
    for (const { ha1 } of this.#linesOf(key)) found = { ...found, [algorithmOf(ha1.length)]: ha1.toLowerCase() };
    return found;
  }

  /** As `CredentialStore.all`. */
  all(algorithms: readonly DigestAlgorithm[]): Ha1List {
    const count = algorithms.reduce((sum, algorithm) => sum + this.#having[algorithm], 0);
    return { count, slices: this.#slices(algorithms) };
  }

  *#slices(algorithms: readonly DigestAlgorithm[]): Generator<string> {
    const text = this.#text;
    let lines = "";
    for (let at = this.#begin, count = 1; at < text.length; count += 1) {
      const end = this.#endOf(at);
      const line = this.#lineIn(at, end);
      if (line !== undefined && algorithms.includes(algorithmOf(line.end - line.ha1)) && this.#counts(line)) {
        lines += `${text.slice(at, line.realm - 1)}\n${text.slice(line.realm, line.ha1 - 1)}\n${text.slice(line.ha1, line.end)}\n`;
      }
      at = end + 1;
      if (count % SLICE_LINES !== 0) continue;
      yield lines;
      lines = "";
    }
    yield lines;
  }

  /** The next lines of the file. */
  #read(most: number): void {
    for (let left = most; left > 0 && this.#at < this.#text.length; left -= 1, this.#number += 1) {
      const end = this.#endOf(this.#at);
      const line = this.#lineIn(this.#at, end);
      if (line !== undefined) this.#add(line);
      this.#at = end + 1;
    }
  }

  /** Where the line ends that begins there. */
  #endOf(begin: number): number {
    const end = this.#text.indexOf("\n", begin);
    return end < 0 ? this.#text.length : end;
  }

  /** Undefined: it is blank, or a comment. */
  #lineIn(begin: number, next: number): Line | undefined {
    const text = this.#text;
    const end = text[next - 1] === "\r" && next > begin ? next - 1 : next;
    if (text[begin] === "#" || text.slice(begin, end).trim() === "") return undefined;
    // A realm may hold colons.
    return { begin, realm: text.indexOf(":", begin) + 1, ha1: text.lastIndexOf(":", end - 1) + 1, end };
  }

  #add({ begin, realm, ha1, end }: Line): void {
    const text = this.#text;
    const size = end - ha1;
    const algorithm = algorithmOf(size);
    if (realm < begin + 2 || ha1 <= realm || size !== HEX_DIGITS[algorithm] || !/^[0-9a-f]+$/i.test(text.slice(ha1, end))) {
      throw new Error(`user:realm:HA1 with 32 or 64 hexadecimal digits in line ${this.#number}`);
    }
    const key = text.slice(begin, ha1);
    const known = [...this.#linesOf(key)];
    const replaced = known.find((one) => one.ha1.length === size);
    if (known.length === 0) this.#count += 1;
    if (replaced === undefined) this.#having[algorithm] += 1;
    this.#places[replaced?.place ?? this.#placeOf(key, 0)] = begin + 1;
  }

  /** `key`: user and realm, each with its colon. */
  *#linesOf(key: string): Generator<{ readonly place: number; readonly ha1: string }> {
    for (let place = this.#firstPlaceOf(key); this.#places[place] !== 0; place = this.#after(place)) {
      const begin = (this.#places[place] ?? 0) - 1;
      if (!this.#text.startsWith(key, begin)) continue;
      const line = this.#lineIn(begin, this.#endOf(begin));
      // Else its realm only begins like this one.
      if (line?.ha1 === begin + key.length) yield { place, ha1: this.#text.slice(line.ha1, line.end) };
    }
  }

  /** Whether no later line takes its place. */
  #counts({ begin, ha1 }: Line): boolean {
    return this.#places[this.#placeOf(this.#text.slice(begin, ha1), begin + 1)] !== 0;
  }

  /** Where `held` is, or the first free place. */
  #placeOf(key: string, held: number): number {
    let place = this.#firstPlaceOf(key);
    while (this.#places[place] !== 0 && this.#places[place] !== held) place = this.#after(place);
    return place;
  }

  #firstPlaceOf(key: string): number {
    let hash = 0x811c_9dc5;
    for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
    return (hash ^ (hash >>> 15)) & (this.#places.length - 1);
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1);
  }
}

/** By the number of its digits. */
function algorithmOf(digits: number): DigestAlgorithm {
  return digits === HEX_DIGITS.MD5 ? "MD5" : "SHA-256";
}
