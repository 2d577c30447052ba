/** The tables of one phone: what is registered, over which flows, and what ended. A flow, a binding and its expiry are three things. */
import { historyColumns } from "/history-words.js";
import { byId, note } from "/make.js";
import { ban, closeFlow } from "/orders.js";
import { Table } from "/table.js";
import { ago, contactOf, expiry, place, roundTrip, span } from "/words.js";

/** A supervised flow is late from this share of its time on. */
const LATE_SHARE = 0.8;
const agent = { title: "User-Agent", of: ({ userAgent }) => userAgent };
const instance = { title: "instance", of: ({ instance: one }) => one };
const regId = { title: "reg-id", of: ({ regId: one }) => (one > 0 ? one : "") };

export function isExpired({ expiresInSeconds }, passed = 0) {
  return expiresInSeconds !== null && expiresInSeconds - passed / 1000 <= 0;
}

export function stateOf({ dead, side, superviseSeconds, idleMs, aors }) {
  if (dead) return "dead";
  if (side === "core") return "core";
  if (aors.length === 0) return "not registered";
  if (aors.every((one) => isExpired(one))) return "expired";
  return superviseSeconds > 0 && idleMs > superviseSeconds * 1000 * LATE_SHARE ? "late" : "alive";
}

const TONES = { dead: "fail", expired: "fail", late: "warn", alive: "ok" };

export class PhoneTables {
  #registrations = new Table(byId("registrations"), {
    caption: "Registrations", none: "Nothing is registered over its flows.", keyOf: ({ flow, aor, instance: one }) => `${flow.id} ${aor} ${one}`,
    columns: [
      { title: "AOR", of: ({ aor }) => aor }, { title: "expires in", of: (row) => expiry(row.expiresInSeconds, row.passed), tone: (row) => (isExpired(row, row.passed) ? "fail" : "") },
      regId, agent, { title: "over", of: ({ flow }) => place(flow) }, instance,
    ],
  });
  #bindings = new Table(byId("bindings"), {
    caption: "Bindings", none: "None: calls are answered 480.", keyOf: ({ aor, contact, instance: one, regId: id }) => `${aor} ${contact} ${one} ${id}`,
    columns: [
      { title: "contact", of: contactOf }, { title: "expires in", of: (row) => expiry(row.expiresInSeconds, row.passed), tone: (row) => (isExpired(row, row.passed) ? "fail" : "") },
      regId, agent, { title: "AOR", of: ({ aor }) => aor }, instance,
    ],
  });
  #flows = new Table(byId("flows"), {
    caption: "Flows", none: "None now.", keyOf: ({ id }) => id,
    columns: [
      { title: "client", of: place }, { title: "state", of: stateOf, tone: (flow) => TONES[stateOf(flow)] ?? "" }, { title: "age", of: ({ ageMs }) => (ageMs < 0 ? "" : span(ageMs)) },
      { title: "silent", of: ({ idleMs }) => span(idleMs) }, { title: "dies after", of: ({ superviseSeconds }) => (superviseSeconds > 0 ? span(superviseSeconds * 1000) : "") },
      { title: "messages", of: ({ messages }) => messages }, { title: "round trip", of: ({ roundTripUs }) => roundTrip(roundTripUs) },
      { title: "name", of: ({ id }) => id },
      { title: "Orders", orders: [{ text: "Close", run: (flow) => closeFlow(flow, flow.aors[0]?.aor ?? "") }, { text: "Ban", run: ({ address }) => ban(address) }] },
    ],
  });
  #ended = new Table(byId("ended"), {
    caption: "Flows that ended this hour", none: "None.", keyOf: ({ shard, transport, address, port, lastedMs, messages }) => `${shard} ${transport} ${address} ${port} ${lastedMs} ${messages}`,
    columns: [
      { title: "ended", of: ({ endedMs, passed }) => ago(endedMs + passed) }, { title: "lasted", of: ({ lastedMs }) => span(lastedMs) }, { title: "reason", of: ({ reason }) => reason },
      { title: "client", of: place }, { title: "messages", of: ({ messages }) => messages },
    ],
  });

  #history = new Table(byId("history"), { caption: "What happened", none: "Nothing that the history knows.", keyOf: ({ id }) => id, columns: historyColumns.map(({ title, of, tone }) => ({ title, of, tone })) });

  showHistory({ rows, fault }) {
    if (fault === "") this.#history.show(rows);
    else byId("history").replaceChildren(note(fault));
  }

  /** `passed`: milliseconds since the server said so. */
  show({ flows, bindings, ended, passed, endedPassed }) {
    byId("registrations-part").hidden = bindings !== undefined;
    byId("bindings-part").hidden = bindings === undefined;
    this.#registrations.show(flows.flatMap((flow) => flow.aors.map((one) => ({ ...one, flow, passed }))));
    this.#bindings.show((bindings ?? []).map((one) => ({ ...one, passed })));
    this.#flows.show(flows);
    // The table of some is shorter than the page; the sentence above has the number.
    this.#ended.show(ended.slice(0, 10).map((one) => ({ ...one, passed: endedPassed })));
  }
}
