/**
 * A SIP message over octets that the native scanner found sound. Nothing is decoded before it is asked for; a header field is found by
 * one walk over the lines. Octets become characters one by one (latin1), so what is written back is what came.
 */
import { headerKey } from "./header-name.js";

const HEAD_END = "\r\n\r\n";

export interface HeaderField {
  /** Lower case, never a compact form. */
  readonly key: string;
  /** Unfolded, without the blanks around it. */
  readonly value: string;
}

export class SipMessage {
  readonly #octets: Buffer;
  #head: string | undefined;
  #fields: readonly HeaderField[] | undefined;

  constructor(octets: Uint8Array) {
    this.#octets = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  get startLine(): string {
    return this.#headText().slice(0, this.#headText().indexOf("\r\n"));
  }

  get isRequest(): boolean {
    return !/^SIP\/2\.0 /i.test(this.startLine);
  }

  /** Of a request; "" of a response. */
  get method(): string {
    return this.isRequest ? this.startLine.slice(0, this.startLine.indexOf(" ")) : "";
  }

  /** The Request-URI; "" of a response. */
  get uri(): string {
    return this.isRequest ? this.startLine.slice(this.method.length + 1, this.startLine.lastIndexOf(" ")) : "";
  }

  /** Of a response; 0 of a request. */
  get status(): number {
    return this.isRequest ? 0 : Number(this.startLine.slice(8, 11));
  }

  /** All header fields in their order. */
  get fields(): readonly HeaderField[] {
    this.#fields ??= readFields(this.#headText());
    return this.#fields;
  }

  /** The first field of that name, long or compact; undefined: there is none. */
  header(name: string): string | undefined {
    const key = headerKey(name);
    return this.fields.find((field) => field.key === key)?.value;
  }

  /** Every field of that name, a line each; values that share a line are not cut apart. */
  headers(name: string): readonly string[] {
    const key = headerKey(name);
    return this.fields.filter((field) => field.key === key).map(({ value }) => value);
  }

  get body(): Uint8Array {
    return this.#octets.subarray(this.#headText().length);
  }

  get octets(): Uint8Array {
    return this.#octets;
  }

  #headText(): string {
    this.#head ??= this.#octets.toString("latin1", 0, this.#octets.indexOf(HEAD_END) + HEAD_END.length);
    return this.#head;
  }
}

function readFields(head: string): readonly HeaderField[] {
  // RFC 3261 7.3.1: a line that begins with a blank continues the one before it.
  const lines = head.replace(/\r\n[ \t]+/g, " ").split("\r\n").slice(1);
  return lines.flatMap((line) => {
    const colon = line.indexOf(":");
    return colon < 0 ? [] : [{ key: headerKey(line.slice(0, colon).trim()), value: line.slice(colon + 1).trim() }];
  });
}
