/** A table whose rows are kept while they are updated; on a narrow screen each row becomes a card, by the style sheet. */
import { make, note, setText, sync } from "/make.js";

/**
 * A column: `title`; `of(row)`: text or number; and if it has them `sort`: the name that it sorts by, `href(row)`: where its text leads,
 * `tone(row)`: a class, `orders`: [{ text, run(row), when?(row) }], which are buttons instead of a text.
 */
export class Table {
  #place;
  #columns;
  #keyOf;
  #none;
  #onSort;
  #head = make("tr");
  #body = make("tbody");
  #table;

  constructor(place, { columns, keyOf, none, caption, onSort }) {
    this.#place = place;
    this.#columns = columns;
    this.#keyOf = keyOf;
    this.#none = note(none);
    this.#onSort = onSort;
    this.#table = make("table", {}, make("caption", { kind: "unseen", text: caption }), make("thead", {}, this.#head), this.#body);
    for (const column of columns) this.#head.append(this.#heading(column));
  }

  /** `sorted`: the column by its sort name, and whether the least comes first. */
  show(rows, sorted) {
    if (rows.length === 0) {
      if (this.#none.parentElement !== this.#place) this.#place.replaceChildren(this.#none);
      this.#body.replaceChildren();
      return;
    }
    if (this.#table.parentElement !== this.#place) this.#place.replaceChildren(this.#table);
    this.#columns.forEach(({ sort, of }, at) => {
      const head = this.#head.children[at];
      head.classList.toggle("n", typeof of?.(rows[0]) === "number");
      if (sort === undefined || sort !== sorted?.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", sorted.rises ? "ascending" : "descending");
    });
    sync(this.#body, rows, { keyOf: this.#keyOf, create: (row) => this.#row(row), update: (line, row) => this.#fill(line, row) });
  }

  #heading({ title, sort, orders }) {
    if (sort === undefined) return make("th", { scope: "col" }, make("span", { kind: orders ? "unseen" : "", text: title }));
    return make("th", { scope: "col" }, make("button", { kind: "sort", text: title, onclick: () => this.#onSort(sort) }));
  }

  #row(row) {
    const line = make("tr");
    for (const { title, href, orders } of this.#columns) {
      const cell = make("td", { "data-title": title });
      if (href) cell.append(make("a"));
      if (orders) cell.append(...orders.map(({ text, kind = "plain", run }) => make("button", { kind, text, "aria-label": `${text}: ${this.#nameOf(row)}`, onclick: () => run(line.row) })));
      line.append(cell);
    }
    // Anywhere on the row does what its link does; the link is for the keyboard.
    line.addEventListener("click", ({ target }) => {
      if (target.closest("a, button") === null && String(getSelection()) === "") line.querySelector("a[href]")?.click();
    });
    return line;
  }

  #fill(line, row) {
    line.row = row;
    this.#columns.forEach(({ of, href, tone, orders }, at) => {
      const cell = line.children[at];
      if (orders) return orders.forEach(({ when }, which) => (cell.children[which].hidden = when !== undefined && !when(row)));
      const value = of(row);
      const kind = `${typeof value === "number" ? "n" : ""} ${tone?.(row) ?? ""}`.trim();
      if (cell.className !== kind) cell.className = kind;
      const text = typeof value === "number" ? value.toLocaleString("en") : value;
      if (!href) return setText(cell, text);
      const link = cell.firstElementChild;
      setText(link, text);
      const target = href(row);
      if (target === "") link.removeAttribute("href");
      else if (link.getAttribute("href") !== target) link.setAttribute("href", target);
    });
  }

  #nameOf(row) {
    return String(this.#columns[0].of(row));
  }
}
