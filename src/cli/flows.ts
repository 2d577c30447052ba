/** `sluice flows`: the flows of clients, found by AOR, instance, address or name. */
import type { AorView, EndedView, FlowList, FlowView } from "../admin/flows.js";
import { ask, adminPlaneOf, type AdminPlane } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { nothingFound, octets, print, printJson, span, tableText } from "./output.js";

export const flows: Command = {
  name: "flows",
  summary: "list client flows: all, or those of one phone",
  usage: "[AOR | INSTANCE | ADDRESS[:PORT] | NAME]",
  help: `
  --limit N          at most this many (100)
  --from CURSOR      continue where an earlier answer ended
  --silence FROM-TO  only what has been silent for so many seconds: 300-3600, or 86400- for no end
  --age FROM-TO      only connections of that age
  --ended            the flows that ended last, with the reason
  --sort COLUMN      with --ended: endedMs, lastedMs, messages, aor, reason; --sort=-COLUMN: the other way round
  --close            close the flow named shard.slot.generation${COMMON_HELP}

Exits with 3 when what was looked for was not found.

  sluice flows alice@example.com
  sluice flows 192.0.2.7
  sluice flows --ended alice
  sluice flows --close 0.17.3482`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { limit: { type: "string" }, from: { type: "string" }, sort: { type: "string" }, silence: { type: "string" }, age: { type: "string" }, ended: { type: "boolean" }, close: { type: "boolean" } }, 1);
    const plane = adminPlaneOf(values.admin);
    const word = positionals[0] ?? "";
    if (values.close) return close(plane, word);
    const page = { q: word, limit: String(wholeNumber("limit", values.limit, 100)), from: values.from ?? "" };
    if (values.ended && (values.silence ?? values.age) !== undefined) throw new CommandError(Exit.usage, "--silence and --age are about flows that go on, not those that --ended shows");
    if (values.ended) return showEnded(plane, { ...page, sort: values.sort ?? "" }, values.json === true);
    if (values.sort !== undefined) throw new CommandError(Exit.usage, "--sort needs --ended; `sluice silent` sorts flows that go on");
    const query = new URLSearchParams({ ...page, silence: values.silence ?? "", age: values.age ?? "" });
    const list = await ask<FlowList>(plane, "GET", `/api/flows?${query.toString()}`);
    if (values.json) printJson(list);
    else if (list.flows.length > 0) print(flowsText(list));
    if (list.flows.length > 0) return Exit.ok;
    const { q, from } = page;
    if (q !== "") return nothingFound(true, `no flow for ${q}; --ended shows those that ended`);
    const isSearch = from !== "" || (values.silence ?? values.age) !== undefined;
    return nothingFound(isSearch, isSearch ? "there are no such flows" : "there are no flows of clients");
  },
};

async function close(plane: AdminPlane, id: string): Promise<number> {
  await ask(plane, "DELETE", `/api/flows/${encodeURIComponent(id)}`);
  return Exit.ok;
}

async function showEnded(plane: AdminPlane, request: { readonly q: string; readonly limit: string; readonly from: string; readonly sort: string }, json: boolean): Promise<number> {
  const page = await ask<{ readonly flows: readonly EndedView[]; readonly next: string; readonly total: number }>(plane, "GET", `/api/ended?${new URLSearchParams(request).toString()}`);
  if (json) printJson(page);
  else if (page.flows.length > 0) print(endedText(page.flows) + moreText(page.next));
  if (page.flows.length > 0) return Exit.ok;
  return nothingFound(request.q !== "" || request.from !== "", `no flow ended recently${request.q === "" ? "" : ` for ${request.q}`}`);
}

function moreText(next: string): string {
  return next === "" ? "" : `\n… and more: --from ${next}`;
}

function flowsText({ flows: found, next }: FlowList): string {
  const newest = newestOf(found);
  const rows = found.map((flow) => [
    flow.id,
    `${flow.transport} ${flow.address}:${flow.port}`,
    marks(flow),
    span(flow.ageMs),
    span(flow.idleMs),
    flow.messages,
    flow.octetsIn + flow.octetsOut > 0 ? `${octets(flow.octetsIn)}/${octets(flow.octetsOut)}` : "",
    flow.aors.map((one) => `${one.aor}${one.regId === 0 ? "" : ` reg-id=${one.regId}`}${one.instance === "" ? "" : ` ${one.instance}`}${until(flow, one, newest)}${one.userAgent === "" ? "" : ` (${one.userAgent})`}`).join(", "),
  ]);
  return tableText(["flow", "client", "", "age", "silent", "messages", "in/out", "registered"], rows) + moreText(next);
}

/** Which registration each is of: one of an instance replaces that of before, over whatever flow that came (RFC 5626 6). */
function registrationOf({ aor, instance, regId }: AorView): string | undefined {
  return instance === "" ? undefined : JSON.stringify([aor, instance, regId]);
}

/** Of each registration, the flow over which it was refreshed last. */
function newestOf(found: readonly FlowView[]): ReadonlyMap<string, { readonly id: string; readonly refreshedMs: number }> {
  const newest = new Map<string, { readonly id: string; readonly refreshedMs: number }>();
  for (const { id, aors } of found) {
    for (const one of aors) {
      const of = registrationOf(one);
      if (of !== undefined && one.refreshedMs < (newest.get(of)?.refreshedMs ?? Infinity)) newest.set(of, { id, refreshedMs: one.refreshedMs });
    }
  }
  return newest;
}

/** How long the registration lasts, not the flow. */
function until({ id, dead }: FlowView, one: AorView, newest: ReturnType<typeof newestOf>): string {
  const seconds = one.expiresInSeconds;
  const last = newest.get(registrationOf(one) ?? "")?.id ?? id;
  if (last !== id) return ` until it registered over ${last}`;
  if (dead) return " until the flow died";
  if (one.isBound === false) return " until nobody answered there";
  if (seconds === null) return "";
  return seconds > 0 ? ` for another ${span(seconds * 1_000)}` : ` RAN OUT ${span(-seconds * 1_000)} ago`;
}

function marks(flow: FlowView): string {
  const words = [flow.side === "core" ? "core" : "", flow.outbound ? "outbound" : "", flow.supervised ? `dies after ${flow.superviseSeconds} s` : "", flow.dead ? "dead" : ""];
  return words.filter((word) => word !== "").join(", ");
}

function endedText(ended: readonly EndedView[]): string {
  const rows = ended.map((flow) => [
    `${span(flow.endedMs)} ago`,
    `${flow.transport} ${flow.address}:${flow.port}`,
    span(flow.lastedMs),
    flow.messages,
    flow.reason,
    flow.aor,
  ]);
  return tableText(["ended", "client", "lasted", "messages", "reason", "registered"], rows);
}
