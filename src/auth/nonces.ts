/** Nonces that need no memory to be known again: the time and some random octets, signed (RFC 7616 3.3 and 5.4). */
import { createHmac, hkdfSync, randomFillSync, timingSafeEqual } from "node:crypto";

const TIME_OCTETS = 6;
const RANDOM_OCTETS = 6;
const SIGNED = TIME_OCTETS + RANDOM_OCTETS;
const MAC_OCTETS = 16;

export class Nonces {
  readonly #key: Buffer;
  readonly #lifeMs: number;
  readonly #now: () => number;

  /** `secret`: the same on every server of a cluster. A step of the clock `now`, in milliseconds, costs one more challenge and no more. */
  constructor(secret: Uint8Array, lifeSeconds: number, now = (): number => Date.now()) {
    this.#key = Buffer.from(hkdfSync("sha256", secret, "", "digest nonce", 32));
    this.#lifeMs = lifeSeconds * 1_000;
    this.#now = now;
  }

  make(realm: string): string {
    const octets = Buffer.allocUnsafe(SIGNED);
    octets.writeUIntBE(this.#now(), 0, TIME_OCTETS);
    randomFillSync(octets, TIME_OCTETS, RANDOM_OCTETS);
    return Buffer.concat([octets, this.#mac(octets, realm)]).toString("base64url");
  }

  /** Whether it was made here, for this realm, and not too long ago. */
  isFresh(nonce: string, realm: string): boolean {
    const octets = Buffer.from(nonce, "base64url");
    // One nonce has one spelling: another one would be another key in the memory of counts.
    if (octets.length !== SIGNED + MAC_OCTETS || octets.toString("base64url") !== nonce) return false;
    if (!timingSafeEqual(this.#mac(octets.subarray(0, SIGNED), realm), octets.subarray(SIGNED))) return false;
    const age = this.#now() - octets.readUIntBE(0, TIME_OCTETS);
    return Math.abs(age) <= this.#lifeMs;
  }

  #mac(octets: Uint8Array, realm: string): Buffer {
    return createHmac("sha256", this.#key).update(octets).update(realm, "latin1").digest().subarray(0, MAC_OCTETS);
  }
}
