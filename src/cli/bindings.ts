/** `sluice bindings`: what the location service of a registrar holds. */
import type { BindingView } from "../admin/running.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { print, printJson, span, tableText } from "./output.js";

export const bindings: Command = {
  name: "bindings",
  summary: "bindings of a registrar: look up, remove",
  usage: "[AOR]",
  help: `
  --remove           remove every binding of the AOR
  --limit N          at most this many (100)${COMMON_HELP}

An edge has none; ask its registrar.

  sluice bindings sip:alice@example.com
  sluice bindings --remove sip:alice@example.com`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { limit: { type: "string" }, remove: { type: "boolean" } });
    const plane = adminPlaneOf(values.admin);
    const word = positionals[0] ?? "";
    if (values.remove) {
      if (word === "") throw new CommandError(Exit.usage, "--remove needs an AOR");
      const { removed } = await ask<{ readonly removed: number }>(plane, "DELETE", `/api/bindings/${encodeURIComponent(word)}`);
      if (values.json) printJson({ removed });
      else print(`${removed} removed`);
      return Exit.ok;
    }
    const limit = wholeNumber("limit", values.limit, 100);
    const answer = await ask<{ readonly bindings: readonly BindingView[] }>(plane, "GET", `/api/bindings?q=${encodeURIComponent(word)}&limit=${limit}`);
    if (values.json) printJson(answer);
    else if (answer.bindings.length > 0) print(tableText(["AOR", "contact", "reg-id", "instance", "expires in"], answer.bindings.map((one) => [one.aor, one.contact, one.regId, one.instance, span(one.expiresInSeconds * 1_000)])));
    if (answer.bindings.length > 0) return Exit.ok;
    throw new CommandError(Exit.notFound, "no bindings");
  },
};
