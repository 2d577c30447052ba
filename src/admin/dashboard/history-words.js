/** An event of the history in words. */
import { href, route } from "/route.js";
import { span, when } from "/words.js";

const LEFT_OUT = new Set(["id", "kind", "at", "aor", "from", "to"]);
/** In the order in which they are read; everything else that an event may say follows. */
const PARTS = {
  status: ({ status, reason = "", hop }) => `${status} ${reason}${hop === undefined ? "" : ` from ${hop}`}`, reason: () => "", hop: () => "",
  address: ({ address, contact }) => contact ?? address, contact: ({ contact }) => contact,
  regId: ({ regId }) => `reg-id ${regId}`, userAgent: ({ userAgent }) => userAgent, why: ({ why }) => why, lastedMs: ({ lastedMs }) => `after ${span(lastedMs)}`,
  seconds: ({ seconds }) => `for ${span(seconds * 1000)}`, before: ({ before }) => `upgraded from ${before}`, callId: ({ callId }) => `Call-ID ${callId}`,
};

export function whoOf({ aor, from, to, user, address, shard, version }) {
  if (aor !== undefined) return aor;
  if (from !== undefined || to !== undefined) return `${from ?? "?"} → ${to ?? "?"}`;
  return user ?? address ?? (shard === undefined ? `Sluice ${version ?? ""}` : `shard ${shard}`);
}

export function wordsOf(event) {
  const who = whoOf(event);
  const names = [...Object.keys(PARTS), ...Object.keys(event).filter((name) => !(name in PARTS))].filter((name) => !LEFT_OUT.has(name) && event[name] !== undefined && event[name] !== who);
  const words = names.map((name) => (name in PARTS ? PARTS[name](event) : String(event[name])));
  return [...new Set(words.filter((word) => word !== "" && word !== undefined))].join(", ");
}

/** Where its row leads: the phone that it is about. */
function phoneOf({ aor, to, address }) {
  const word = aor ?? to ?? address ?? "";
  return word === "" ? "" : href({ ...route(), phone: word });
}

export const historyColumns = [
  { title: "when", of: ({ at }) => when(at), tone: () => "whole" }, { title: "what", of: ({ kind }) => kind, tone: () => "whole" }, { title: "who", of: whoOf, href: phoneOf, tone: () => "who" }, { title: "details", of: wordsOf },
];
