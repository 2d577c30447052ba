/** Reads the history forwards from a place, for those who must miss nothing. */
import { open } from "node:fs/promises";
import { type HistoryEvent, readEvent } from "./event.js";
import type { Place, Segments } from "./segments.js";

const PIECE = 64 * 1_024;
const LINE_END = 10;

export interface Following {
  readonly events: readonly HistoryEvent[];
  /** Where to go on. */
  readonly next: Place;
  /** What was at the place had been deleted to make room. */
  readonly hasGap: boolean;
}

/** At most `most` events, and none when there is nothing new; then `next` may still have moved on. */
export async function follow(segments: Segments, place: Place, most: number): Promise<Following> {
  const { numbers } = segments;
  const segment = numbers.find((number) => number >= place.segment);
  if (segment === undefined) return { events: [], next: place, hasGap: false };
  const hasGap = segment !== place.segment;
  const offset = hasGap ? 0 : place.offset;
  const octets = await read(segments.pathOf(segment), offset);
  const events: HistoryEvent[] = [];
  let at = 0;
  for (let end = octets.indexOf(LINE_END); end >= 0 && events.length < most; end = octets.indexOf(LINE_END, at)) {
    const event = readEvent(octets.toString("utf8", at, end));
    if (event !== undefined) events.push(event);
    at = end + 1;
  }
  // A line longer than a piece is none of ours.
  if (at === 0 && octets.length === PIECE) at = PIECE;
  const isDone = at === 0 && numbers.some((number) => number > segment);
  return { events, next: isDone ? { segment: segment + 1, offset: 0 } : { segment, offset: offset + at }, hasGap };
}

async function read(path: string, offset: number): Promise<Buffer> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE), 0, PIECE, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
