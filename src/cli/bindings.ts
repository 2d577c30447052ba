/** `sluice bindings`: what the location service of a registrar holds. */
import type { BindingView } from "../admin/running.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { nothingFound, print, printJson, span, tableText } from "./output.js";

export const bindings: Command = {
  name: "bindings",
  summary: "bindings of a registrar: list, look up, remove",
  usage: "[AOR | PART]",
  help: `
  --domain NAME      only users of that domain
  --within N         only what expires within so many seconds
  --sort expires     what expires first comes first; all are looked at
  --limit N          at most this many (100)
  --from CURSOR      continue where an earlier answer ended
  --remove           remove every binding of the AOR${COMMON_HELP}

PART is part of an AOR, without @. "via" is the edge that the phone came through. An edge has no bindings; ask its registrar.

  sluice bindings sip:alice@example.com
  sluice bindings --domain example.com --sort expires --limit 20
  sluice bindings --remove sip:alice@example.com`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, {
      limit: { type: "string" }, from: { type: "string" }, domain: { type: "string" }, within: { type: "string" }, sort: { type: "string" }, remove: { type: "boolean" },
    }, 1);
    const plane = adminPlaneOf(values.admin);
    const word = positionals[0] ?? "";
    if (values.remove) {
      if (word === "") throw new CommandError(Exit.usage, "--remove needs an AOR");
      const { removed } = await ask<{ readonly removed: number }>(plane, "DELETE", `/api/bindings/${encodeURIComponent(word)}`);
      if (values.json) printJson({ removed });
      else print(`${removed} removed`);
      return Exit.ok;
    }
    const query = new URLSearchParams({
      q: word, limit: String(wholeNumber("limit", values.limit, 100)), from: values.from ?? "", domain: values.domain ?? "", within: String(wholeNumber("within", values.within, 0)), sort: values.sort ?? "",
    });
    const answer = await ask<{ readonly bindings: readonly BindingView[]; readonly next: string }>(plane, "GET", `/api/bindings?${query.toString()}`);
    if (values.json) printJson(answer);
    else if (answer.bindings.length > 0) print(text(answer));
    if (answer.bindings.length > 0) return Exit.ok;
    const isSearch = word !== "" || (values.domain ?? values.within ?? values.from) !== undefined;
    return nothingFound(isSearch, word !== "" ? `no binding for ${word}` : isSearch ? "there are no such bindings" : "there are no bindings");
  },
};

/** Of a Path value: the edge. */
function hostOf(value: string): string {
  return /sips?:(?:[^@>;]*@)?([^;>?]+)/i.exec(value)?.[1] ?? value;
}

function text({ bindings: found, next }: { readonly bindings: readonly BindingView[]; readonly next: string }): string {
  const hasPath = found.some(({ path }) => path.length > 0);
  const table = tableText(["AOR", "contact", "reg-id", "instance", "expires in", ...(hasPath ? ["via"] : [])], found.map((one) => [
    one.aor, one.contact, one.regId, one.instance, span(one.expiresInSeconds * 1_000), ...(hasPath ? [one.path.map(hostOf).join(", ")] : []),
  ]));
  return next === "" ? table : `${table}\n… and more: --from '${next}'`;
}
