/** Splits a byte stream into messages by Content-Length (RFC 3261 18.3), with the CRLFs between them. */

const HEAD_END = "\r\n\r\n";
const LENGTH = /^(?:content-length|l)[ \t]*:[ \t]*(\d{1,7})/im;
const MAX = 1 << 20;

export class StreamReader {
  readonly #onMessage: (octets: Buffer) => void;
  #held = Buffer.alloc(0);

  constructor(onMessage: (octets: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  take(octets: Buffer): void {
    this.#held = Buffer.concat([this.#held, octets]);
    while (this.#step());
    // A peer that never ends its message is not worth the memory.
    if (this.#held.length > MAX) this.#held = Buffer.alloc(0);
  }

  #step(): boolean {
    const held = this.#held;
    if (held.length < 2) return false;
    if (held[0] === 13 && held[1] === 10) return this.#give(2);
    const end = held.indexOf(HEAD_END);
    if (end < 0) return false;
    const size = end + HEAD_END.length + Number(LENGTH.exec(held.toString("latin1", 0, end))?.[1] ?? 0);
    return held.length >= size && this.#give(size);
  }

  #give(size: number): boolean {
    const message = this.#held.subarray(0, size);
    this.#held = this.#held.subarray(size);
    this.#onMessage(message);
    return true;
  }
}
