/** What the search finds: one phone, or a list of those that could be meant. */
import { ask } from "/link.js";
import { hasBindings, server } from "/server.js";

const MOST = 200;

/** Where the word leads, for `go`. */
export async function find(word) {
  const { flows: own } = await ask("GET", `/api/flows?${new URLSearchParams({ q: word, limit: MOST })}`);
  const flows = own.length > 0 || server.neighbours === 0 ? own : (await ask("GET", `/api/where/${encodeURIComponent(word)}`)).flows;
  const aors = [...new Set(flows.flatMap((flow) => flow.aors.map(({ aor }) => aor)))].filter((aor) => aor.toLowerCase().includes(word.toLowerCase()));
  const meant = aors.find((aor) => aor.toLowerCase() === word.toLowerCase() || aor.toLowerCase() === `sip:${word.toLowerCase()}`);
  if (meant !== undefined) return { phone: meant };
  if (aors.length > 1 && own.length > 0) return { list: "flows", q: word };
  if (aors.length === 1) return { phone: aors[0] };
  if (flows.length > 0 || !hasBindings()) return { phone: word };
  return findBinding(word);
}

/** A phone behind an edge has a binding here and no flow. */
async function findBinding(word) {
  const { bindings } = await ask("GET", `/api/bindings?${new URLSearchParams({ q: word, limit: MOST })}`);
  const aors = new Set(bindings.map(({ aor }) => aor));
  if (aors.size > 1) return { list: "bindings", q: word };
  return { phone: aors.size === 1 ? [...aors][0] : word };
}
