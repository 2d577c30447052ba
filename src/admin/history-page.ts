/** The history as the operator queries it, newest first. */
import { KINDS, type HistoryEvent, type Kind } from "../history/event.js";
import type { History } from "../history/history.js";
import type { Place } from "../history/segments.js";
import { ControlRefusal } from "./control-refusal.js";
import type { ControlRequest } from "./control-request.js";
import type { Page } from "./lists.js";

/** `q`: an AOR, Call-ID, instance or address; `since`, `until`: a time in ISO 8601 or in milliseconds since 1970; `kind`: several with commas. */
export async function historyPage(history: History, limit: number, request: ControlRequest): Promise<Page<HistoryEvent>> {
  if (history.journal === undefined) throw new ControlRefusal(409, "there is no history: SLUICE_HISTORY_MEGABYTES is 0");
  const { rows, next } = await history.search({
    word: request.optionalText("q", ""),
    kinds: kindsOf(request.optionalText("kind", "")),
    since: timeOf("since", request.optionalText("since", ""), 0),
    until: timeOf("until", request.optionalText("until", ""), Infinity),
    most: limit,
    from: placeOf(request.optionalText("from", "")),
  });
  return { rows, next: next === undefined ? "" : `${next.segment}.${next.offset}` };
}

function kindsOf(text: string): ReadonlySet<Kind> | undefined {
  if (text === "") return undefined;
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !KINDS.includes(name as Kind));
  if (unknown !== undefined) throw new ControlRefusal(400, `kind must be one of ${KINDS.join(", ")}`);
  return new Set(names as readonly Kind[]);
}

function timeOf(name: string, text: string, otherwise: number): number {
  if (text === "") return otherwise;
  const time = /^\d{9,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(time)) throw new ControlRefusal(400, `${name} must be a time such as 2026-11-28T22:00:00Z, or milliseconds since 1970`);
  return time;
}

function placeOf(text: string): Place | undefined {
  if (text === "") return undefined;
  const [, segment, offset] = /^(\d{1,8})\.(\d{1,12})$/.exec(text) ?? [];
  if (segment === undefined) throw new ControlRefusal(400, "from must be what an earlier answer gave as next");
  return { segment: Number(segment), offset: Number(offset) };
}
