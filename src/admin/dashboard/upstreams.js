/** Where requests go from here, and whether anybody answers there. */
import { note } from "/make.js";
import { Table } from "/table.js";
import { place, span } from "/words.js";

export class Upstreams {
  #place;
  #table;

  constructor(where) {
    this.#place = where;
    this.#table = new Table(where, {
      caption: "Upstream targets", none: "", keyOf: place,
      columns: [
        { title: "target", of: (target) => (target.node === undefined ? place(target) : `edge ${target.node}, ${place(target)}`) }, { title: "state", of: stateOf, tone: ({ aliveIn, shards }) => (aliveIn === shards ? "ok" : "fail") },
        { title: "silent", of: ({ silentMs }) => (silentMs > 0 ? span(silentMs) : "") }, { title: "priority", of: ({ priority }) => priority }, { title: "weight", of: ({ weight }) => weight },
      ],
    });
  }

  /** Only an edge needs an upstream; the other edges of its farm are none. */
  show(upstreams, mode) {
    if (upstreams.some(({ node }) => node === undefined)) return this.#table.show(upstreams);
    this.#place.replaceChildren(mode === "edge"
      ? note("None: requests of clients are answered 503. Set SLUICE_UPSTREAM.", "fail")
      : note("None, and none is needed: phones register here. SLUICE_UPSTREAM says where calls to other domains go."));
  }
}

function stateOf({ aliveIn, shards }) {
  if (aliveIn === shards) return "alive";
  return aliveIn === 0 ? "does not answer" : `alive in ${aliveIn} of ${shards} shards`;
}
