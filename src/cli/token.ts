/** `sluice token`: what a flow token contains, whether it is ours, whether its flow lives, and why not. */
import type { TokenView } from "../admin/token.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions } from "./options.js";
import { colour, print, printJson } from "./output.js";

export const token: Command = {
  name: "token",
  summary: "read a flow token: whose is it, and is its flow alive?",
  usage: "TOKEN",
  help: `${COMMON_HELP}

TOKEN is the user part of a Path, Route or Record-Route URI of this edge, or the whole value.
Exits with 0 when the flow is alive, 3 when it is not or another edge has it, 1 when this is not a token of this edge.

  sluice token 'sip:QAAAAG3k…@192.0.2.1;lr;ob'`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, {}, 1);
    const [text] = positionals;
    if (text === undefined) throw new CommandError(Exit.usage, "which token? For example: sluice token TOKEN");
    const view = await ask<TokenView>(adminPlaneOf(values.admin), "GET", `/api/token/${encodeURIComponent(text)}`);
    if (values.json) printJson(view);
    else print(viewText(view));
    if (view.verdict === "alive") return Exit.ok;
    return view.verdict === "dead" || view.verdict === "elsewhere" ? Exit.notFound : Exit.failed;
  },
};

function viewText(view: TokenView): string {
  const verdict = colour(view.verdict === "alive" ? "green" : "red", view.verdict);
  const lines = [`${verdict}: ${view.why}`];
  if (view.status !== undefined) lines.push(`a request with it is answered ${view.status}`);
  if (view.kind !== undefined) lines.push(`${view.kind} flow${view.shard === undefined ? "" : ` of shard ${view.shard}`}, written for the ${view.side} side`);
  if (view.remote) lines.push(`client ${view.remote.address}:${view.remote.port}`);
  if (view.flow !== undefined) lines.push(`flow ${view.flow} (sluice flows ${view.flow})`);
  return lines.join("\n");
}
