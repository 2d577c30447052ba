/**
 * A SIP message over octets that the native scanner found sound. Nothing is decoded before it is asked for, and nothing twice. Octets become characters one by one (latin1), so what is written back is what came.
 */
import { splitHeaderList } from "./header-list.js";
import { headerKey } from "./header-name.js";

const HEAD_END = "\r\n\r\n";
const NONE: readonly HeaderField[] = [];

export interface HeaderField {
  /** Lower case, never a compact form. */
  readonly key: string;
  /** Unfolded, without the blanks around it. */
  readonly value: string;
  /** The whole field as it came, folds included, without its last CRLF. */
  readonly raw: string;
}

export class SipMessage {
  readonly #octets: Buffer;
  #head: string | undefined;
  #startLine: string | undefined;
  #fields: readonly HeaderField[] | undefined;
  #byKey: Map<string, HeaderField[]> | undefined;

  constructor(octets: Uint8Array) {
    this.#octets = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  get startLine(): string {
    this.#startLine ??= this.#headText().slice(0, this.#headText().indexOf("\r\n"));
    return this.#startLine;
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
    return this.fieldsOf(name)[0]?.value;
  }

  /** Every field of that name, a line each; values that share a line are not cut apart. */
  headers(name: string): readonly string[] {
    return this.fieldsOf(name).map(({ value }) => value);
  }

  /** Every field of that name. */
  fieldsOf(name: string): readonly HeaderField[] {
    this.#byKey ??= groupByKey(this.fields);
    return this.#byKey.get(headerKey(name)) ?? NONE;
  }

  /** Every value of that name over all its lines, lists cut apart; a line whose quotes do not close counts as one value. */
  values(name: string): readonly string[] {
    return this.headers(name).flatMap((line) => splitHeaderList(line) ?? [line]);
  }

  /** The number and the method of the CSeq; the method of a response tells what it answers. */
  get cseq(): { readonly number: number; readonly method: string } {
    const [number = "", method = ""] = (this.header("CSeq") ?? "").split(/[ \t]+/);
    return { number: Number(number), method };
  }

  get callId(): string {
    return this.header("Call-ID") ?? "";
  }

  /** The tag of From or To; undefined: none. */
  tagOf(name: "From" | "To"): string | undefined {
    const value = this.header(name) ?? "";
    return /;[ \t]*tag[ \t]*=[ \t]*([^;\s]+)/i.exec(value.slice(value.lastIndexOf(">") + 1))?.[1];
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

function groupByKey(fields: readonly HeaderField[]): Map<string, HeaderField[]> {
  const groups = new Map<string, HeaderField[]>();
  for (const field of fields) {
    const group = groups.get(field.key);
    if (group === undefined) groups.set(field.key, [field]);
    else group.push(field);
  }
  return groups;
}

function readFields(head: string): readonly HeaderField[] {
  // RFC 3261 7.3.1: a line that begins with a blank continues the one before it.
  const lines = head.split(/\r\n(?![ \t])/).slice(1);
  return lines.flatMap((raw) => {
    const colon = raw.indexOf(":");
    if (colon < 0) return [];
    return [{ key: headerKey(raw.slice(0, colon).trim()), value: raw.slice(colon + 1).replace(/\r\n[ \t]+/g, " ").trim(), raw }];
  });
}
