/** The lists that answer "who?", as one table: any row opens the phone, any underlined column sorts. */
import { ask } from "/link.js";
import { span } from "/phones.js";

const LIMIT = 25;
const byId = (id) => document.getElementById(id);
const ago = (milliseconds) => `${span(milliseconds)} ago`;
const aorOf = ({ aors }) => aors[0]?.aor ?? "";

/** Path of the API; columns: title, what it sorts by ("": not sortable), and the cell; `opens`: what to search for. */
const LISTS = [
  { path: "silent", title: "Silent", opens: (row) => aorOf(row) || row.id, columns: [
    ["phone", "", (row) => aorOf(row) || `${row.address}:${row.port}`], ["silent", "idleMs", ({ idleMs }) => span(idleMs)], ["age", "ageMs", ({ ageMs }) => (ageMs < 0 ? "" : span(ageMs))],
    ["messages", "messages", ({ messages }) => messages], ["client", "", ({ transport, address, port }) => `${transport} ${address}:${port}`],
  ] },
  { path: "top-talkers", title: "Top talkers", opens: ({ source, aor }) => aor || source.replace(/\/64$/, ""), columns: [
    ["source", "", ({ source }) => source], ["messages/s", "messages", ({ messagesPerSecond }) => messagesPerSecond], ["flows", "flows", ({ flows }) => flows], ["registered", "", ({ aor }) => aor],
  ] },
  { path: "flappers", title: "Flappers", opens: ({ who }) => who.replace(/\/64$/, ""), columns: [
    ["who", "", ({ who }) => who], ["ended this hour", "ends", ({ ends }) => ends], ["last", "lastMs", ({ lastMs }) => ago(lastMs)], ["shortest", "shortestMs", ({ shortestMs }) => span(shortestMs)],
    ["mostly", "", ({ reason }) => reason], ["source", "", ({ source }) => source],
  ] },
  { path: "refused", title: "Refused", opens: ({ source }) => source, columns: [
    ["source", "", ({ source }) => source], ["status", "status", ({ status }) => status], ["count", "count", ({ count }) => count], ["first", "", ({ firstMs }) => ago(firstMs)], ["last", "lastMs", ({ lastMs }) => ago(lastMs)],
  ] },
  { path: "bindings", title: "Bindings", home: true, opens: ({ aor }) => aor, columns: [
    ["AOR", "", ({ aor }) => aor], ["expires in", "expires", ({ expiresInSeconds }) => span(expiresInSeconds * 1000)], ["contact", "", ({ contact }) => contact], ["instance", "", ({ instance }) => instance],
  ] },
  { path: "ended", title: "Ended flows", opens: ({ aor, address }) => aor || address, columns: [
    ["phone", "", ({ aor, address }) => aor || address], ["ended", "", ({ endedMs }) => ago(endedMs)], ["lasted", "", ({ lastedMs }) => span(lastedMs)], ["reason", "", ({ reason }) => reason],
    ["client", "", ({ transport, address, port }) => `${transport} ${address}:${port}`],
  ] },
];

export class ListView {
  constructor(openPhone) {
    this.openPhone = openPhone;
    this.list = undefined;
    this.sort = "";
    this.rows = [];
    this.next = "";
    this.asked = 0;
    byId("list-again").addEventListener("click", () => this.load());
    byId("list-more").addEventListener("click", () => this.load(this.next));
    byId("list-word").addEventListener("change", () => this.load());
  }

  /** Fetches nothing until a list is chosen: for each, the server looks at all flows. */
  begin(mode) {
    byId("list-tabs").replaceChildren(...LISTS.filter(({ home }) => !home || mode !== "edge").map((list) => {
      const tab = document.createElement("button");
      tab.textContent = list.title;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-selected", "false");
      tab.addEventListener("click", () => this.choose(list, tab));
      return tab;
    }));
  }

  choose(list, tab) {
    for (const other of byId("list-tabs").children) other.setAttribute("aria-selected", String(other === tab));
    this.list = list;
    this.sort = "";
    this.load();
  }

  async load(from = "") {
    const { list, sort } = this;
    if (list === undefined) return;
    const asked = ++this.asked;
    byId("list-table").setAttribute("aria-busy", "true");
    const query = new URLSearchParams({ q: byId("list-word").value.trim(), limit: LIMIT, sort, from });
    try {
      const answer = await ask("GET", `/api/${list.path}?${query}`);
      if (asked !== this.asked) return;
      const rows = answer.rows ?? answer.bindings ?? answer.flows;
      this.rows = from === "" ? rows : [...this.rows, ...rows];
      this.next = answer.next ?? "";
      this.draw();
    } catch (error) {
      if (asked === this.asked) byId("list-table").replaceChildren(note(error.message));
    }
    byId("list-table").removeAttribute("aria-busy");
  }

  draw() {
    const { list, rows } = this;
    byId("list-more").hidden = this.next === "";
    if (rows.length === 0) return byId("list-table").replaceChildren(note("Nothing to show."));
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const [title, sort] of list.columns) head.append(this.heading(title, sort));
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      list.columns.forEach(([, , cell], at) => {
        const place = line.insertCell();
        const value = cell(row);
        if (typeof value === "number") place.className = "n";
        if (at > 0) return void (place.textContent = String(value));
        const open = document.createElement("button");
        open.textContent = String(value);
        open.addEventListener("click", () => this.openPhone(list.opens(row)));
        place.append(open);
      });
    }
    byId("list-table").replaceChildren(table);
  }

  heading(title, sort) {
    const cell = document.createElement("th");
    cell.scope = "col";
    if (sort === "") return Object.assign(cell, { textContent: title });
    const button = document.createElement("button");
    button.textContent = title;
    button.style.textDecoration = "underline";
    button.addEventListener("click", () => {
      this.sort = sort;
      void this.load();
    });
    if (sort === this.sort) cell.setAttribute("aria-sort", "descending");
    cell.append(button);
    return cell;
  }
}

function note(text) {
  const made = document.createElement("p");
  made.className = "quiet";
  made.textContent = text;
  return made;
}
