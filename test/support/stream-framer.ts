/** Cuts a byte stream into messages by Content-Length, and the CRLFs between them into pongs (RFC 3261 18.3, RFC 5626 5.4). */
import { SipMessage } from "./sip-message.js";

export const PONG = "\r\n";

export class StreamFramer {
  #rest = "";

  encode(text: string): Buffer {
    return Buffer.from(text, "latin1");
  }

  /** Complete messages and pongs, in order. */
  push(bytes: Buffer): string[] {
    this.#rest += bytes.toString("latin1");
    const found: string[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take()) found.push(next);
    return found;
  }

  get unfinished(): string {
    return this.#rest;
  }

  #take(): string | undefined {
    if (this.#rest.startsWith(PONG)) return this.#cut(PONG.length);
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const length = Number(new SipMessage(this.#rest.slice(0, end + 4)).header("Content-Length"));
    const size = end + 4 + length;
    return this.#rest.length < size ? undefined : this.#cut(size);
  }

  #cut(size: number): string {
    const piece = this.#rest.slice(0, size);
    this.#rest = this.#rest.slice(size);
    return piece;
  }
}
