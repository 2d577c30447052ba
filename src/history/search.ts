/** Looks through the history, newest first. The files are read backwards, a piece at a time; a line is decoded only if it holds the word. */
import { open } from "node:fs/promises";
import { isIP } from "node:net";
import { type HistoryEvent, type Kind, readEvent } from "./event.js";
import type { Place, Segments } from "./segments.js";

const PIECE = 512 * 1_024;
const MAX_LINE = 1 << 20;
const LINE_END = 10;
/** Events of several threads are written within so many milliseconds of each other, in any order. */
const DISORDER_MS = 60_000;

export interface HistoryQuery {
  /** An AOR, a Call-ID, an instance or an address; without an @, part of one; "": all. */
  readonly word: string;
  readonly kinds: ReadonlySet<Kind> | undefined;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly until: number;
  readonly most: number;
  /** The `next` of an earlier answer; undefined: from the end. */
  readonly from: Place | undefined;
}

export interface HistoryPage {
  readonly rows: readonly HistoryEvent[];
  /** Undefined: these were all. */
  readonly next: Place | undefined;
}

interface Line {
  readonly offset: number;
  readonly text: string;
}

export async function search(segments: Segments, { word, kinds, since, until, most, from }: HistoryQuery): Promise<HistoryPage> {
  const text = wordOf(word);
  // Up to the @, because the host of a Call-ID may be in upper case.
  const needle = Buffer.from(JSON.stringify(text.slice(0, text.lastIndexOf("@") + 1) || text).slice(1, -1));
  const rows: HistoryEvent[] = [];
  for (const segment of [...segments.numbers].reverse()) {
    if (from !== undefined && segment > from.segment) continue;
    for await (const { offset, text: line } of backwards(segments.pathOf(segment), segment === from?.segment ? from.offset : undefined, needle)) {
      const event = readEvent(line);
      if (event === undefined) continue;
      if (event.at < since - DISORDER_MS) return { rows, next: undefined };
      if (event.at < since || event.at > until || kinds?.has(event.kind) === false || !concerns(event, text)) continue;
      rows.push(event);
      if (rows.length === most) return { rows, next: { segment, offset } };
    }
  }
  return { rows, next: undefined };
}

/** As `addressOfRecord` writes it, but without its scheme. */
function wordOf(word: string): string {
  const bare = word.trim().replace(/^<(.*)>$/, "$1").replace(/^sips?:/i, "");
  const host = bare.lastIndexOf("@") + 1;
  return host === 0 ? bare : bare.slice(0, host) + bare.slice(host).toLowerCase();
}

function concerns({ aor, from, to, callId, instance, address, contact, hop, user }: HistoryEvent, word: string): boolean {
  if (word === "") return true;
  const names = [aor, from, to, instance, address, hop, user].map((name) => name?.replace(/^sips?:/, "") ?? "");
  // A registrar knows where a phone was by its Contact alone. 192.0.2.1 is not part of 192.0.2.11.
  if (isIP(word) !== 0) return [...names, contact ?? ""].some((name) => holdsAddress(name, word));
  // A Call-ID is whatever the phone chose, in upper and lower case.
  if (callId !== undefined && callId.toLowerCase() === word.toLowerCase()) return true;
  return word.includes("@") ? names.includes(word) : names.some((name) => name.includes(word));
}

function holdsAddress(text: string, address: string): boolean {
  const inside = address.includes(":") ? /[\da-f:.]/i : /[\d.]/;
  for (let at = text.indexOf(address); at >= 0; at = text.indexOf(address, at + 1)) {
    if (!inside.test(text[at - 1] ?? "") && !inside.test(text[at + address.length] ?? "")) return true;
  }
  return false;
}

/** The lines of a file before `end` that hold the needle, the last one first. */
async function* backwards(path: string, end: number | undefined, needle: Buffer): AsyncGenerator<Line> {
  const file = await open(path).catch(() => undefined);
  // Deleted meanwhile, to make room.
  if (file === undefined) return;
  try {
    let left = end ?? (await file.stat()).size;
    // The rest of the line in which `left` is.
    let rest: Buffer = Buffer.alloc(0);
    while (left > 0) {
      const begin = Math.max(0, left - PIECE);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(left - begin), 0, left - begin, begin);
      const piece = Buffer.concat([buffer.subarray(0, bytesRead), rest]);
      // The line in which the piece begins is complete only with the piece before.
      const first = begin === 0 ? 0 : piece.indexOf(LINE_END) + 1;
      const isWhole = begin === 0 || first > 0;
      if (isWhole) for (const { offset, text } of lastLines(piece, first, needle)) yield { offset: begin + offset, text };
      rest = isWhole ? piece.subarray(0, first) : piece;
      if (rest.length > MAX_LINE) rest = Buffer.alloc(0);
      left = begin;
    }
  } finally {
    await file.close();
  }
}

function* lastLines(piece: Buffer, first: number, needle: Buffer): Generator<Line> {
  let left = piece.length;
  while (left > first) {
    const found = left < needle.length ? -1 : needle.length === 0 ? left - 1 : piece.lastIndexOf(needle, left - needle.length);
    if (found < first) return;
    const inside = needle.length === 0 && piece[found] === LINE_END ? found - 1 : found;
    const offset = inside < first ? first : Math.max(first, piece.lastIndexOf(LINE_END, inside) + 1);
    const end = piece.indexOf(LINE_END, inside < first ? first : inside);
    yield { offset, text: piece.toString("utf8", offset, end < 0 ? piece.length : end) };
    left = offset;
  }
}
