/** `sluice flows`: the flows of clients, found by AOR, instance, address or name. */
import type { EndedView, FlowList, FlowView } from "../admin/flows.js";
import { ask, adminPlaneOf, type AdminPlane } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { octets, print, printJson, span, tableText } from "./output.js";

export const flows: Command = {
  name: "flows",
  summary: "list client flows: all, or those of one phone",
  usage: "[AOR | INSTANCE | ADDRESS[:PORT] | NAME]",
  help: `
  --limit N          at most this many (100)
  --silence FROM-TO  only what has been silent for so many seconds: 300-3600, or 86400- for no end
  --age FROM-TO      only connections of that age
  --ended            the flows that ended last, with the reason
  --close            close the flow named shard.slot.generation${COMMON_HELP}

Exits with 3 when nothing was found.

  sluice flows alice@example.com
  sluice flows 192.0.2.7
  sluice flows --ended alice
  sluice flows --close 0.17.3482`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { limit: { type: "string" }, silence: { type: "string" }, age: { type: "string" }, ended: { type: "boolean" }, close: { type: "boolean" } }, 1);
    const plane = adminPlaneOf(values.admin);
    const word = positionals[0] ?? "";
    const limit = wholeNumber("limit", values.limit, 100);
    if (values.close) return close(plane, word);
    if (values.ended) return showEnded(plane, word, limit, values.json === true);
    const query = new URLSearchParams({ q: word, limit: String(limit), silence: values.silence ?? "", age: values.age ?? "" });
    const list = await ask<FlowList>(plane, "GET", `/api/flows?${query.toString()}`);
    if (values.json) printJson(list);
    else if (list.flows.length > 0) print(flowsText(list));
    if (list.flows.length > 0) return Exit.ok;
    throw new CommandError(Exit.notFound, word === "" ? "there are no such flows" : `no flow for ${word}; --ended shows those that ended`);
  },
};

async function close(plane: AdminPlane, id: string): Promise<number> {
  await ask(plane, "DELETE", `/api/flows/${encodeURIComponent(id)}`);
  return Exit.ok;
}

async function showEnded(plane: AdminPlane, word: string, limit: number, json: boolean): Promise<number> {
  const { flows: ended } = await ask<{ readonly flows: readonly EndedView[] }>(plane, "GET", `/api/ended?q=${encodeURIComponent(word)}&limit=${limit}`);
  if (json) printJson({ flows: ended });
  else if (ended.length > 0) print(endedText(ended));
  if (ended.length > 0) return Exit.ok;
  throw new CommandError(Exit.notFound, `no flow ended recently${word === "" ? "" : ` for ${word}`}`);
}

function flowsText({ flows: found, next }: FlowList): string {
  const rows = found.map((flow) => [
    flow.id,
    `${flow.transport} ${flow.address}:${flow.port}`,
    marks(flow),
    span(flow.ageMs),
    span(flow.idleMs),
    flow.messages,
    flow.octetsIn + flow.octetsOut > 0 ? `${octets(flow.octetsIn)}/${octets(flow.octetsOut)}` : "",
    flow.aors.map(({ aor, regId, instance, userAgent, expiresInSeconds }) => `${aor}${regId === 0 ? "" : ` reg-id=${regId}`}${instance === "" ? "" : ` ${instance}`}${until(expiresInSeconds)}${userAgent === "" ? "" : ` (${userAgent})`}`).join(", "),
  ]);
  const table = tableText(["flow", "client", "", "age", "silent", "messages", "in/out", "registered"], rows);
  return next === "" ? table : `${table}\n… and more: --limit`;
}

/** How long the registration lasts, not the flow. */
function until(seconds: number | null): string {
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
