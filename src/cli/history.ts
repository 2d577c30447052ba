/** `sluice history`: what happened to a phone or a call, or at all. */
import { type HistoryEvent, KINDS } from "../history/event.js";
import type { Page } from "../admin/lists.js";
import { type AdminPlane, ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { timeOf, wordsOf } from "./history-words.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { print, printJson, tableText } from "./output.js";

export const history: Command = {
  name: "history",
  summary: "what happened to a phone or a call, or at all",
  usage: "[AOR | CALL-ID | ADDRESS | PART]",
  help: `
  --from TIME        no earlier: 2026-11-28, 2026-11-28T22:00, or 30m, 12h, 2d ago
  --to TIME          no later
  --kind KIND        only these, several with commas: ${KINDS.slice(0, 7).join(", ")},
                     ${KINDS.slice(7).join(", ")}
  --limit N          at most this many (100)
  --next CURSOR      continue where an earlier answer ended
  --follow           show what happens from now on, until Ctrl-C${COMMON_HELP}

The newest comes first. Without an argument everything is listed; PART is part of an AOR, an instance or an address, without @. Times without a zone are local.
Refreshes over the same flow are no events. With --follow and --json each event is one line.
Exits with 3 when nothing was found.

  sluice history alice@example.com --from 24h
  sluice history 8a7f@192.0.2.7
  sluice history --kind call-failed,upstream-down --from 2026-11-28T22:00 --to 2026-11-29T06:00`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, {
      from: { type: "string" }, to: { type: "string" }, kind: { type: "string" }, limit: { type: "string" }, next: { type: "string" }, follow: { type: "boolean" },
    }, 1);
    const plane = adminPlaneOf(values.admin);
    if (values.follow) {
      if (positionals.length > 0 || values.from !== undefined || values.to !== undefined) throw new CommandError(Exit.usage, "--follow shows all that happens: it takes neither an argument nor times");
      return follow(plane, kindsOf(values.kind), values.json === true);
    }
    const now = Date.now();
    const query = new URLSearchParams({
      q: positionals[0] ?? "", limit: String(wholeNumber("limit", values.limit, 100)), since: timeOf("from", values.from, now), until: timeOf("to", values.to, now), kind: values.kind ?? "", from: values.next ?? "",
    });
    const page = await ask<Page<HistoryEvent>>(plane, "GET", `/api/history?${query.toString()}`);
    if (values.json) printJson(page);
    else if (page.rows.length > 0) print(tableText(["when", "what", "who", ""], page.rows.map(cellsOf)) + (page.next === "" ? "" : `\n… and more: --next ${page.next}`));
    if (page.rows.length > 0) return Exit.ok;
    throw new CommandError(Exit.notFound, "nothing of that is in the history");
  },
};

function cellsOf(event: HistoryEvent): readonly string[] {
  const { who, words } = wordsOf(event);
  const zone = new Date(event.at).getTimezoneOffset() * 60_000;
  return [new Date(event.at - zone).toISOString().slice(0, 19).replace("T", " "), event.kind, who, words];
}

/** Empty: all. */
function kindsOf(list: string | undefined): ReadonlySet<string> {
  const names = list?.split(",") ?? [];
  const unknown = names.find((name) => !KINDS.some((kind) => kind === name));
  if (unknown !== undefined) throw new CommandError(Exit.usage, `--kind: there is no ${unknown}, only ${KINDS.join(", ")}`);
  return new Set(names);
}

/** Until the server ends, or the operator does. */
async function follow({ url, token }: AdminPlane, kinds: ReadonlySet<string>, isJson: boolean): Promise<number> {
  // A server reads this file as well when it starts, and would pay a fifth more CPU for a package that it does not use.
  const { WebSocket } = await import("ws");
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(new URL("/live", url.href.replace(/^http/, "ws")), token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => socket.close());
    socket.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { readonly kind: string; readonly events?: readonly HistoryEvent[] };
      if (message.kind !== "events") return;
      for (const event of message.events ?? []) if (kinds.size === 0 || kinds.has(event.kind)) print(isJson ? JSON.stringify(event) : cellsOf(event).join("  "));
    });
    socket.on("close", () => resolve(Exit.ok));
    socket.on("error", (error) => reject(new CommandError(Exit.notRunning, `nothing answers at ${url.host} (${error.message}): is sluice running? --admin names another address`)));
  });
}
