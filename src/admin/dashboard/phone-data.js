/** What the server knows of one phone: its flows, what is registered over them, its bindings, and the flows that ended. */
import { ask } from "/link.js";
import { hasBindings } from "/server.js";

export const MAX_FLOWS = 100;
const MAX_ENDED = 1000;
const MAX_EVENTS = 20;
const HOUR_MS = 3_600_000;

/** `word`: an AOR, an instance, an address or the name of a flow. */
export async function flowsOf(word) {
  const { flows, next } = await ask("GET", `/api/flows?${new URLSearchParams({ q: word, limit: MAX_FLOWS })}`);
  // A search finds parts: sip:alice@example.com is also part of sip:alice@example.community.
  const own = isAor(word) ? flows.filter(({ aors }) => aors.some(({ aor }) => aor.toLowerCase() === word.toLowerCase())) : flows;
  return { flows: own, more: next !== "" };
}

/** The latest first, of the last hour. */
export async function endsOf(word) {
  const { flows } = await ask("GET", `/api/ended?${new URLSearchParams({ q: word, limit: MAX_ENDED })}`);
  return flows.filter(({ endedMs, aor }) => endedMs < HOUR_MS && (!isAor(word) || aor.toLowerCase() === word.toLowerCase()));
}

/** The latest of what happened to it; the server may have no history. */
export async function historyOf(word) {
  try {
    return { rows: (await ask("GET", `/api/history?${new URLSearchParams({ q: word, limit: MAX_EVENTS })}`)).rows, fault: "" };
  } catch (error) {
    return { rows: [], fault: error.message };
  }
}

/** Undefined: they are with another server. */
export async function bindingsOf(word, flows) {
  if (!hasBindings()) return undefined;
  const aors = isAor(word) ? [word] : [...new Set(flows.flatMap((flow) => flow.aors.map(({ aor }) => aor)))].slice(0, MAX_FLOWS);
  const answers = await Promise.all(aors.map((aor) => ask("GET", `/api/bindings?${new URLSearchParams({ q: aor, limit: MAX_FLOWS })}`)));
  return answers.flatMap(({ bindings }) => bindings);
}

export function isAor(word) {
  return /^sips?:[^@\s]+@[^@\s]+$/i.test(word);
}

/** The address in a word that is one, with a port or as a network; "": it is something else. */
export function addressIn(word) {
  const bare = word.replace(/^\[(.*)\](?::\d+)?$/, "$1").replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, "$1");
  if (/^\d+\.\d+\.\d+\.\d+$/.test(bare)) return bare;
  return /^[\da-f:.]*:[\da-f:.]*(?:\/\d+)?$/i.test(bare) ? bare : "";
}

/** What a trace of it must be asked for; "": nothing can be traced. */
export function traceOf(word, flows) {
  if (isAor(word)) return word;
  if (/@/.test(word)) return word;
  const address = addressIn(word);
  if (address !== "") return address.includes("/") ? "" : word;
  const [flow] = flows;
  if (flow === undefined) return "";
  return flow.aors[0]?.aor ?? (flow.address.includes(":") ? `[${flow.address}]:${flow.port}` : `${flow.address}:${flow.port}`);
}
