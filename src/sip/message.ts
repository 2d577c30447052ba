/**
 * A SIP message as the native scanner found it. Everything is parsed lazily and once. Each octet becomes one character (latin1), so writing it back gives the same octets.
 */
import { LineField, MessageField, headerText } from "../native/layout.js";
import { found, numberAt, piece, readMessage } from "../native/reader.js";
import { optionTags, splitHeaderList } from "./header-list.js";
import { headerKey } from "./header-name.js";
import { type Stamp, type Via, parseVia } from "./via.js";

/** By HeaderId; "" for those that the scanner has no number for. */
const KEYS = headerText.map((name) => name.toLowerCase());

export interface HeaderField {
  /** Lower case, never a compact form. */
  readonly key: string;
  /** Unfolded, without surrounding white space. */
  readonly value: string;
  /** The whole field as received, folds included, without its last CRLF. */
  readonly raw: string;
}

/** What the scanner found in a message. */
interface Reading {
  readonly error: number;
  readonly isRequest: boolean;
  readonly status: number;
  readonly method: string;
  readonly uri: string;
  readonly topVia: string;
  readonly callId: string;
  readonly fromTag: string | undefined;
  readonly toTag: string | undefined;
  readonly cseq: { readonly number: number; readonly method: string };
  readonly startLine: string;
  readonly headSize: number;
  readonly fields: readonly HeaderField[];
}

export class SipMessage {
  readonly #octets: Buffer;
  #reading: Reading | undefined;
  /** Name and values in turn, of the names that were asked for: few, so looking is cheaper than a Map for each message. */
  readonly #values: (string | readonly string[])[] = [];
  #supported: readonly string[] | undefined;
  #via: Via | undefined;
  #isViaRead = false;

  /** `viaLines` of a request for its last stamp: all copies and responses have the same. */
  stamped: { readonly stamp: Stamp; readonly lines: readonly string[] } | undefined = undefined;

  constructor(octets: Uint8Array) {
    this.#octets = Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  get startLine(): string {
    return this.#read().startLine;
  }

  get isRequest(): boolean {
    return this.#read().isRequest;
  }

  /** Of a request; "" of a response. */
  get method(): string {
    return this.#read().method;
  }

  /** The Request-URI; "" of a response. */
  get uri(): string {
    return this.#read().uri;
  }

  /** Of a response; 0 of a request. */
  get status(): number {
    return this.#read().status;
  }

  /** ScanError of layout.ts. */
  get error(): number {
    return this.#read().error;
  }

  /** All header fields in their order. */
  get fields(): readonly HeaderField[] {
    return this.#read().fields;
  }

  /** The first field of that name, long or compact; undefined: there is none. */
  header(name: string): string | undefined {
    const key = headerKey(name);
    for (const field of this.fields) if (field.key === key) return field.value;
    return undefined;
  }

  /** Every field of that name, one per line; values that share a line are not split. */
  headers(name: string): readonly string[] {
    const key = headerKey(name);
    const values: string[] = [];
    for (const field of this.fields) if (field.key === key) values.push(field.value);
    return values;
  }

  /** Every field of that name. */
  fieldsOf(name: string): readonly HeaderField[] {
    const key = headerKey(name);
    return this.fields.filter((field) => field.key === key);
  }

  /** Every value of that name in all its lines, lists split; a line with an unclosed quote counts as one value. */
  values(name: string): readonly string[] {
    const known = this.#values.indexOf(name);
    if (known >= 0) return this.#values[known + 1] as readonly string[];
    const values: string[] = [];
    for (const line of this.headers(name)) for (const value of splitHeaderList(line) ?? [line]) values.push(value);
    this.#values.push(name, values);
    return values;
  }

  /** Whether that option tag is in its Supported. */
  supports(tag: string): boolean {
    this.#supported ??= optionTags(this.headers("supported"));
    return this.#supported.includes(tag);
  }

  /** The first Via; undefined: there is none, or it cannot be read. */
  get via(): Via | undefined {
    if (!this.#isViaRead) this.#via = parseVia(this.values("Via")[0] ?? "");
    this.#isViaRead = true;
    return this.#via;
  }

  /** The first Via value; "": there is no valid one. */
  get topVia(): string {
    return this.#read().topVia;
  }

  /** The number and the method of the CSeq; for a response, the method of the request it answers. */
  get cseq(): { readonly number: number; readonly method: string } {
    return this.#read().cseq;
  }

  get callId(): string {
    return this.#read().callId;
  }

  /** The tag of From or To; undefined: none. */
  tagOf(name: "From" | "To"): string | undefined {
    return name === "From" ? this.#read().fromTag : this.#read().toTag;
  }

  get body(): Uint8Array {
    return this.#octets.subarray(this.#read().headSize);
  }

  get octets(): Uint8Array {
    return this.#octets;
  }

  #read(): Reading {
    this.#reading ??= readingOf(this.#octets);
    return this.#reading;
  }
}

function readingOf(octets: Buffer): Reading {
  const lines = readMessage(octets);
  const headSize = numberAt(MessageField.headSize);
  const head = octets.toString("latin1", 0, headSize);
  const fields: HeaderField[] = [];
  for (let line = 0, at: number = MessageField.size; line < lines; line += 1, at += LineField.size) {
    const begin = numberAt(at + LineField.lineAt);
    const key = KEYS[numberAt(at + LineField.id)] || headerKey(head.slice(begin, found[at + LineField.nameEnd]));
    const value = unfold(head.slice(found[at + LineField.valueAt], found[at + LineField.valueEnd]));
    fields.push({ key, value, raw: head.slice(begin, found[at + LineField.lineEnd]) });
  }
  return {
    error: numberAt(MessageField.error),
    isRequest: found[MessageField.isRequest] !== 0,
    status: numberAt(MessageField.status),
    method: piece(head, MessageField.methodAt) ?? "",
    uri: piece(head, MessageField.uriAt) ?? "",
    topVia: unfold(piece(head, MessageField.topViaAt) ?? ""),
    callId: piece(head, MessageField.callIdAt) ?? "",
    fromTag: piece(head, MessageField.fromTagAt),
    toTag: piece(head, MessageField.toTagAt),
    cseq: { number: numberAt(MessageField.cseq), method: piece(head, MessageField.cseqMethodAt) ?? "" },
    startLine: head.slice(0, Math.max(head.indexOf("\r\n"), 0)),
    headSize,
    fields,
  };
}

/** RFC 3261 7.3.1: a line that begins with white space continues the previous one, as if a single space were there. */
function unfold(value: string): string {
  return value.includes("\r\n") ? value.replace(/\r\n[ \t]+/g, " ") : value;
}
