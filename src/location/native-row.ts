/**
 * Operations and bindings as the addon takes and returns them: a table of numbers, and all texts as one. Parts are in the order of
 * native/core/home/binding.h; an empty one is absent.
 */
import type { Binding } from "./binding.js";
import type { RegisterOperation } from "./store.js";

const HEAD_NUMBERS = 10;
/** The numbers of a binding, in this order. */
const Field = { expiresAt: 0, updatedAt: 1, cseq: 2, regId: 3, q: 4, flags: 5 } as const;
const FIELDS = Object.keys(Field).length;
const PARTS = 9;
const ROW_NUMBERS = FIELDS + PARTS;
/** The first two numbers of an answer are an outcome and how many bindings there are. */
const ANSWER_HEAD = 2;
const OUTBOUND = 1;
const DIRECT = 2;

/** `Outcome` in binding.h; `away`: the disk refuses the journal. */
export const Outcome = { saved: 0, outOfOrder: 1, full: 2, noRoom: 3, sourceFull: 4, away: 5 } as const;

/** The table and its text, used again for each call. */
export class NativeRows {
  numbers = new Float64Array(ANSWER_HEAD + 16 * ROW_NUMBERS);
  #at = 0;
  #text = "";
  /** Of the row that is read. */
  readonly #parts: string[] = [];

  /** Fills the table; returns the text. */
  write(aor: string, { callId, cseq, everything, put, drop, maxContacts, maxFlows, payer = "" }: RegisterOperation, now: number): string {
    this.#reserve(HEAD_NUMBERS + drop.length + put.length * ROW_NUMBERS);
    this.#at = 0;
    this.#text = "";
    for (const number of [now, cseq, everything ? 1 : 0, maxContacts, maxFlows, drop.length, put.length]) this.#number(number);
    this.#part(aor);
    this.#part(callId);
    this.#part(payer);
    for (const key of drop) this.#part(key);
    for (const binding of put) this.#binding(binding);
    return this.#text;
  }

  get outcome(): number {
    return this.numbers[0] ?? 0;
  }

  /** What an answer holds; undefined: the table was too small for it, and is large enough for the next try. */
  read(aor: string, text: string): readonly Binding[] | undefined {
    const count = this.numbers[1] ?? 0;
    if (this.#reserve(ANSWER_HEAD + count * ROW_NUMBERS)) return undefined;
    const bindings: Binding[] = [];
    let begin = 0;
    for (let row = 0, at = ANSWER_HEAD; row < count; row += 1, at += ROW_NUMBERS) {
      this.#parts.length = 0;
      for (let part = at + FIELDS; part < at + ROW_NUMBERS; part += 1) {
        const end = begin + (this.numbers[part] ?? 0);
        this.#parts.push(text.slice(begin, end));
        begin = end;
      }
      bindings.push(bindingOf(aor, this.numbers, at, this.#parts));
    }
    return bindings;
  }

  /** Whether it had to grow. */
  #reserve(size: number): boolean {
    if (size <= this.numbers.length) return false;
    this.numbers = new Float64Array(size * 2);
    return true;
  }

  #number(value: number): void {
    this.numbers[this.#at] = value;
    this.#at += 1;
  }

  #part(text: string): void {
    this.#number(text.length);
    this.#text += text;
  }

  #binding(binding: Binding): void {
    const { expiresAt, updatedAt, cseq, regId = 0, q, outbound, direct = false } = binding;
    for (const number of [expiresAt, updatedAt, cseq, regId, q, (outbound ? OUTBOUND : 0) | (direct ? DIRECT : 0)]) this.#number(number);
    const { contactUri, contactParams, instance = "", path, callId, key, flow = "", userAgent = "", node = "" } = binding;
    for (const part of [contactUri, contactParams, instance, joinPath(path), callId, key, flow, userAgent, node]) this.#part(part);
  }
}

/** `at`: where the row begins. Properties are added one by one, because spreading copies the object each time. */
function bindingOf(aor: string, numbers: Float64Array, at: number, parts: readonly string[]): Binding {
  const [contactUri = "", contactParams = "", instance = "", path = "", callId = "", key = "", flow = "", userAgent = "", node = ""] = parts;
  const numberOf = (field: keyof typeof Field): number => numbers[at + Field[field]] ?? 0;
  const flags = numberOf("flags");
  const regId = numberOf("regId");
  const binding: { -readonly [Key in keyof Binding]: Binding[Key] } = {
    aor,
    key,
    callId,
    cseq: numberOf("cseq"),
    expiresAt: numberOf("expiresAt"),
    updatedAt: numberOf("updatedAt"),
    outbound: (flags & OUTBOUND) !== 0,
    contactUri,
    contactParams,
    path: splitPath(path),
    q: numberOf("q"),
  };
  if (flow !== "") binding.flow = flow;
  if (instance !== "") binding.instance = instance;
  if (regId !== 0) binding.regId = regId;
  if (userAgent !== "") binding.userAgent = userAgent;
  if ((flags & DIRECT) !== 0) binding.direct = true;
  if (node !== "") binding.node = node;
  return binding;
}

/** Values may contain any octet, so each has its length in front. */
function joinPath(path: readonly string[]): string {
  return path.map((value) => `${value.length}:${value}`).join("");
}

function splitPath(text: string): readonly string[] {
  const path: string[] = [];
  for (let at = 0; at < text.length; ) {
    const colon = text.indexOf(":", at);
    const end = colon + 1 + Number(text.slice(at, colon));
    // A damaged store cannot get here, but nothing in it shall make a loop without end.
    if (colon < 0 || !(end > colon)) return path;
    path.push(text.slice(colon + 1, end));
    at = end;
  }
  return path;
}
