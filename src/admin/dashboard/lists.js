/** One list at a time, as a table: a heading sorts, a row opens the phone. */
import { CommandLine } from "/command.js";
import { ask } from "/link.js";
import { LISTS } from "/list-specs.js";
import { byId, make, note, setText } from "/make.js";
import { go, href, route } from "/route.js";
import { hasBindings } from "/server.js";
import { Table } from "/table.js";
import { clock, exact } from "/words.js";

const LIMIT = 50;
const rowsOf = (answer) => answer.rows ?? answer.flows ?? answer.bindings ?? answer.bans;

export class ListView {
  #command = new CommandLine(byId("list-command"));
  #list;
  #place;
  #table;
  #rows = [];
  #next = "";
  #asked = 0;

  constructor() {
    byId("list-again").addEventListener("click", () => this.load());
    byId("list-more").addEventListener("click", () => this.load(this.#next));
    byId("list-filter").addEventListener("submit", (event) => {
      event.preventDefault();
      go({ ...this.#place, q: byId("list-word").value.trim() });
    });
    // The cross in the field.
    byId("list-word").addEventListener("search", () => byId("list-word").value === "" && this.#place.q !== "" && go({ ...this.#place, q: "" }));
  }

  /** Links to every list that this server has. */
  links() {
    return LISTS.filter(({ home }) => !home || hasBindings()).map(({ path, title }) => make("a", { href: href({ list: path }), text: title, "data-list": path }));
  }

  open(place) {
    if (JSON.stringify(place) === JSON.stringify(this.#place)) return;
    const list = LISTS.find(({ path }) => path === place.list);
    const isOther = list !== this.#list;
    this.#place = place;
    this.#list = list;
    if (list === undefined) return void byId("list-table").replaceChildren(note(`There is no list ${place.list}.`));
    if (isOther) this.#rows = [];
    setText(byId("list-title"), list.title);
    setText(byId("list-about"), `${list.about(place)}.`);
    byId("list-word").value = place.q;
    this.#command.show(...list.command(place));
    if (isOther) {
      setText(byId("list-count"), "");
      byId("list-more").hidden = true;
      byId("list-table").replaceChildren(note("Looking …"));
      this.#table = new Table(byId("list-table"), { columns: list.columns, keyOf: list.keyOf, none: "Nothing to show.", caption: list.title, onSort: (sort) => this.#sortBy(sort) });
    }
    void this.load();
  }

  close() {
    this.#place = this.#list = undefined;
    this.#asked += 1;
  }

  /** The first rows again, or more of them. */
  async load(from = "") {
    if (this.#list === undefined) return;
    const { q, sort, silence, age } = this.#place;
    const asked = ++this.#asked;
    byId("list-table").setAttribute("aria-busy", "true");
    const query = new URLSearchParams({ q, limit: LIMIT, sort, from, silence, age });
    try {
      const answer = await ask("GET", `/api/${this.#list.path}?${query}`);
      if (asked !== this.#asked) return;
      const at = Date.now();
      const fresh = rowsOf(answer).map((row) => ({ ...row, ...(row.endedMs !== undefined && { endedAt: Math.round((at - row.endedMs) / 1000) }) }));
      this.#rows = from === "" ? fresh : [...this.#rows, ...fresh];
      this.#next = answer.next ?? "";
      this.#show(answer.total);
    } catch (error) {
      if (asked === this.#asked) this.#fail(error);
    }
    byId("list-table").removeAttribute("aria-busy");
  }

  #show(total) {
    const { sort, rises } = this.#order();
    this.#table.show(this.#rows, { sort, rises });
    byId("list-more").hidden = this.#next === "";
    const shown = exact(this.#rows.length);
    const count = total === undefined ? `${shown}${this.#next === "" ? "" : " of more"}` : this.#rows.length < total ? `${shown} of ${exact(total)}` : shown;
    setText(byId("list-count"), `${count}, at ${clock(Date.now())}`);
  }

  #fail(error) {
    this.#next = "";
    byId("list-more").hidden = true;
    setText(byId("list-count"), "");
    byId("list-table").replaceChildren(note(error.message, "fail"));
  }

  /** The column that it is sorted by, and whether the least comes first. */
  #order() {
    const wanted = this.#place.sort || this.#list.sort || "";
    const sort = wanted.replace(/^-/, "");
    const first = this.#list.columns.find((column) => column.sort === sort)?.first;
    return { sort, rises: (first === "least") !== wanted.startsWith("-") };
  }

  /** The same column again: the other way round. */
  #sortBy(name) {
    const now = this.#place.sort || this.#list.sort;
    const isOneWay = this.#list.columns.find(({ sort }) => sort === name)?.oneWay;
    go({ ...route(), sort: now === name && !isOneWay ? `-${name}` : name });
  }
}
