/** The other edges of the farm: how each does, and which of them has a phone. */
import { ask } from "/link.js";
import { note } from "/make.js";
import { isAor } from "/phone-data.js";
import { Table } from "/table.js";
import { place, span } from "/words.js";

const TONES = { up: "ok", draining: "warn", silent: "fail" };
const stateOf = ({ state, error }) => (error === undefined ? state : "silent");

export class Farm {
  #table;

  constructor(where) {
    this.#table = new Table(where, {
      caption: "Edges of the farm", none: "", keyOf: ({ node }) => node,
      columns: [
        { title: "edge", of: ({ node, isThis }) => (isThis ? `${node}, this one` : String(node)) }, { title: "state", of: (row) => (row.error === undefined ? row.state : row.error), tone: (row) => TONES[stateOf(row)] ?? "" },
        { title: "connections", of: ({ flows }) => flows?.stream ?? "" }, { title: "UDP flows", of: ({ flows }) => flows?.udp ?? "" }, { title: "pending", of: ({ pending }) => pending ?? "" },
        { title: "since", of: ({ uptimeSeconds }) => (uptimeSeconds === undefined ? "" : span(uptimeSeconds * 1000)) }, { title: "version", of: ({ version }) => version ?? "" },
      ],
    });
  }

  async refresh() {
    this.#table.show((await ask("GET", "/api/farm")).nodes);
  }
}

/** What the other edges have of a phone. */
export class Elsewhere {
  #place;
  #table;

  constructor(where) {
    this.#place = where;
    this.#table = new Table(where, {
      caption: "Flows at other edges of the farm", none: "None.", keyOf: ({ node, id }) => `${node} ${id}`,
      columns: [
        { title: "edge", of: ({ node }) => String(node) }, { title: "client", of: place }, { title: "silent", of: ({ idleMs }) => span(idleMs) },
        { title: "AOR", of: ({ aors }) => aors.map(({ aor }) => aor).join(" ") }, { title: "name", of: ({ id }) => id },
      ],
    });
  }

  show({ flows, silent }) {
    this.#table.show(flows);
    for (const { node, error } of silent) this.#place.append(note(`Edge ${node}: ${error}`, "fail"));
  }

  fail(text) {
    this.#place.replaceChildren(note(text, "fail"));
  }
}

/** Its flows at other edges than `own`; an edge that did not answer may have it too. */
export async function elsewhereOf(word, own) {
  const { flows, silent } = await ask("GET", `/api/where/${encodeURIComponent(word)}`);
  const isIts = ({ node, aors }) => node !== own && (!isAor(word) || aors.some(({ aor }) => aor.toLowerCase() === word.toLowerCase()));
  return { flows: flows.filter(isIts), silent };
}
