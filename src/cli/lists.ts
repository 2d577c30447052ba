/** `sluice silent`, `top-talkers`, `flappers` and `refused`: the lists that answer "who?". */
import type { FlowView } from "../admin/flows.js";
import type { FlapperView, Page, RefusedView, TalkerView } from "../admin/lists.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { nothingFound, print, printJson, span, tableText } from "./output.js";

interface ListSpec<Row> {
  readonly name: string;
  readonly summary: string;
  /** The maximum of the HTTP API's `seconds`; undefined: there is none. */
  readonly seconds?: { readonly usual: number; readonly help: string };
  readonly sorts: readonly string[];
  readonly none: string;
  /** What WORD may be. */
  readonly word?: string;
  readonly note: string;
  readonly head: readonly string[];
  readonly cells: (row: Row) => readonly (string | number)[];
}

function list<Row>({ name, summary, seconds, sorts, none, word = "part of an AOR or of an address", note, head, cells }: ListSpec<Row>): Command {
  return {
    name,
    summary,
    usage: "[WORD]",
    help: `
  --limit N          at most this many (20)
  --sort COLUMN      ${sorts.join(", ")}; --sort=-COLUMN: the other way round
  --from CURSOR      continue where an earlier answer ended${seconds === undefined ? "" : `\n  --seconds N        ${seconds.help} (${seconds.usual})`}${COMMON_HELP}

WORD is ${word}. ${note}
Exits with 3 when WORD was not found.

  sluice ${name}
  sluice ${name} --limit 5 --json`,
    run: async (args) => {
      const { values, positionals } = readOptions(args, { limit: { type: "string" }, sort: { type: "string" }, from: { type: "string" }, seconds: { type: "string" } }, 1);
      if (values.seconds !== undefined && seconds === undefined) throw new CommandError(Exit.usage, `${name} has no --seconds`);
      const q = positionals[0] ?? "";
      const query = new URLSearchParams({ q, limit: String(wholeNumber("limit", values.limit, 20)), sort: values.sort ?? "", from: values.from ?? "" });
      if (seconds !== undefined) query.set("seconds", String(wholeNumber("seconds", values.seconds, seconds.usual)));
      const page = await ask<Page<Row>>(adminPlaneOf(values.admin), "GET", `/api/${name}?${query.toString()}`);
      if (values.json) printJson(page);
      else if (page.rows.length > 0) print(tableText(head, page.rows.map(cells)) + (page.next === "" ? "" : `\n… and more: --from ${page.next}`));
      if (page.rows.length > 0) return Exit.ok;
      return nothingFound(q !== "" || values.from !== undefined, q === "" ? none : `nothing in this list matches ${q}`);
    },
  };
}

export const silent = list<FlowView>({
  name: "silent",
  summary: "flows that have been silent the longest",
  sorts: ["idleMs", "ageMs", "messages", "aor"],
  none: "there are no flows of clients",
  note: "Of each shard at most a thousand are sorted, the most silent; WORD is looked for in all.",
  head: ["silent", "flow", "client", "age", "messages", "registered"],
  cells: ({ idleMs, id, transport, address, port, ageMs, messages, aors }) => [span(idleMs), id, `${transport} ${address}:${port}`, span(ageMs), messages, aors.map(({ aor }) => aor).join(", ")],
});

export const topTalkers = list<TalkerView>({
  name: "top-talkers",
  summary: "sources that send the most messages now",
  seconds: { usual: 2, help: "how long to listen, at most 60" },
  sorts: ["messages", "flows", "source", "aor"],
  none: "nobody with a flow sent anything",
  note: "What comes without a flow, over UDP from nobody who registered, is not in it: `sluice refused` has that.",
  head: ["source", "messages/s", "messages", "flows", "registered"],
  cells: ({ source, messagesPerSecond, messages, flows, aor }) => [source, messagesPerSecond, messages, flows, aor],
});

export const flappers = list<FlapperView>({
  name: "flappers",
  summary: "phones whose flows end again and again",
  seconds: { usual: 3_600, help: "how far to look back" },
  sorts: ["ends", "lastMs", "shortestMs", "who", "reason", "source"],
  none: "no flow of the same phone ended twice",
  note: "The last hour is looked at, at most 32,768 flows of each shard that ended and 4,096 more of strangers, without those that a drain or the operator ended.",
  head: ["who", "ends", "last", "shortest", "mostly", "source"],
  cells: ({ who, ends, lastMs, shortestMs, reason, source }) => [who, ends, `${span(lastMs)} ago`, span(shortestMs), reason, source],
});

export const refused = list<RefusedView>({
  name: "refused",
  summary: "who gets 4xx, 5xx and 6xx, which, and how often",
  sorts: ["count", "lastMs", "status", "source", "aor"],
  none: "nobody was refused",
  word: "part of an AOR or of an address, or a status",
  note: "Since the start, challenges (401, 407) included; sources that have not been refused for long make room for others.",
  head: ["source", "status", "count", "first", "last", "last said to be"],
  cells: ({ source, status, count, firstMs, lastMs, aor }) => [source, status, count, `${span(firstMs)} ago`, `${span(lastMs)} ago`, aor],
});
