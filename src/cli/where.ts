/** `sluice where`: which edge of the farm has a phone. */
import type { WhereView } from "../admin/where.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions } from "./options.js";
import { complain, print, printJson, span, tableText } from "./output.js";

export const where: Command = {
  name: "where",
  summary: "which edge of the farm has a phone, and over which flow",
  usage: "AOR | INSTANCE | ADDRESS[:PORT]",
  help: `${COMMON_HELP}

Asks every edge of SLUICE_FARM that says where its admin plane is (;admin=HOST:PORT). Exits with 3 when no edge has it, and
with 1 when an edge did not answer and the others do not have it. Without SLUICE_FARM it asks this server alone.

  sluice where alice@example.com`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, {}, 1);
    const [word = ""] = positionals;
    if (word === "") throw new CommandError(Exit.usage, "where: expected an AOR, an instance or an address");
    const found = await ask<WhereView>(adminPlaneOf(values.admin), "GET", `/api/where/${encodeURIComponent(word)}`);
    if (values.json) printJson(found);
    else if (found.flows.length > 0) {
      const rows = found.flows.map(({ node, id, transport, address, port, idleMs, aors }) => [...(found.isFarm ? [node ?? ""] : []), id, transport, `${address}:${port}`, span(idleMs), aors.map(({ aor }) => aor).join(" ")]);
      print(tableText([...(found.isFarm ? ["node"] : []), "flow", "transport", "from", "silent for", "AORs"], rows));
    }
    for (const { node, error } of found.silent) complain(`node ${node}: ${error}`);
    if (found.flows.length > 0) return Exit.ok;
    if (found.silent.length > 0) throw new CommandError(Exit.failed, `no edge that answers has ${word}`);
    throw new CommandError(Exit.notFound, `${missing(found, word)} shows the edge that it came through`);
  },
};

function missing({ mode, isFarm }: WhereView, word: string): string {
  if (mode !== "edge") return `nobody registered over a flow of this server as ${word}; sluice bindings`;
  return `${isFarm ? "no edge has" : "this edge, which belongs to no farm (SLUICE_FARM), does not have"} ${word}; at its registrar, sluice bindings`;
}
