/** Files of `user:realm:HA1` lines, as htdigest writes them: 32 hexadecimal digits are MD5, 64 are SHA-256. */
import { type DigestAlgorithm, HEX_DIGITS } from "./digest.js";
import type { Ha1s } from "./credential-store.js";

/** The users of a file; text is octets as latin1 characters. */
export class HtdigestUsers {
  readonly #users = new Map<string, Ha1s>();
  /** The algorithms that every user has; empty when they have none in common, or there is no user. */
  readonly common: readonly DigestAlgorithm[];

  /** Throws an Error that names the line, and nothing of what it holds. A user may have a line for each algorithm. */
  constructor(text: string) {
    text.split("\n").forEach((line, index) => {
      const bare = line.replace(/\r$/, "");
      if (bare.trim() === "" || bare.startsWith("#")) return;
      this.#add(bare, index + 1);
    });
    const everybody = [...this.#users.values()];
    this.common = (["SHA-256", "MD5"] as const).filter((algorithm) => everybody.length > 0 && everybody.every((ha1s) => ha1s[algorithm]));
  }

  find(user: string, realm: string): Ha1s | undefined {
    return this.#users.get(keyOf(user, realm));
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
    this.#users.set(key, { ...this.#users.get(key), [algorithm]: ha1.toLowerCase() });
  }
}

function keyOf(user: string, realm: string): string {
  return `${user}\n${realm}`;
}
