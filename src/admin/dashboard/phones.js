/** One phone: AOR, instance, flows and edge as a picture, the flows that ended, and its messages. */
import { ask } from "/link.js";
import { Ladder, element } from "/ladder.js";

const COLUMN = [2, 262, 622, 1002];
const BOX = { width: 220, height: 46 };
const GAP = 62;
const WIDE = 320;
const LATE_SHARE = 0.8;
const TRACE_SECONDS = 300;
const REFRESH_MS = 2000;
const MAX_FLOWS = 40;
const byId = (id) => document.getElementById(id);

export class PhoneView {
  constructor() {
    this.trace = undefined;
    this.word = "";
    this.paused = false;
    this.ladder = new Ladder(byId("ladder"), (message) => {
      byId("message").hidden = false;
      byId("message").textContent = message.text;
    });
    byId("phone-close").addEventListener("click", () => {
      this.close();
      location.hash = "";
    });
    byId("pause").addEventListener("click", () => {
      this.paused = !this.paused;
      byId("pause").textContent = this.paused ? "Go on" : "Pause";
    });
    // The page itself shows that the server is unreachable.
    setInterval(() => this.word !== "" && !document.hidden && this.refresh().catch(() => undefined), REFRESH_MS);
  }

  async open(word) {
    this.close();
    this.word = word;
    byId("phone").hidden = false;
    byId("phone-title").textContent = word;
    await this.refresh();
    await this.watch(word);
  }

  close() {
    if (this.trace) void ask("DELETE", `/api/traces/${this.trace}`, {}).catch(() => undefined);
    this.trace = undefined;
    this.word = "";
    this.ladder.clear();
    byId("message").hidden = true;
    byId("phone").hidden = true;
  }

  take({ trace, messages }) {
    if (trace === this.trace && !this.paused) this.ladder.add(messages);
  }

  async refresh() {
    const { word } = this;
    const started = performance.now();
    const query = `q=${encodeURIComponent(word)}`;
    const [{ flows, next }, { flows: ended }] = await Promise.all([ask("GET", `/api/flows?${query}&limit=${MAX_FLOWS}`), ask("GET", `/api/ended?${query}&limit=5`)]);
    if (word !== this.word) return;
    byId("phone").dataset.milliseconds = String(Math.round(performance.now() - started));
    this.flows = flows;
    draw(byId("picture"), flows, word, next !== "");
    drawEnded(byId("ended"), ended);
  }

  /** Messages are copied only while somebody looks: an AOR by its name, anything else by the address of its flow. */
  async watch(word) {
    const [flow] = this.flows;
    const what = flow?.aors.find(({ aor }) => aor.toLowerCase().includes(word.toLowerCase()))?.aor ?? (/@/.test(word) ? word : flow && `${flow.address.includes(":") ? `[${flow.address}]` : flow.address}:${flow.port}`);
    if (!what) return void (byId("trace").textContent = "no flow to look at");
    const { id } = await ask("POST", "/api/traces", { what, seconds: TRACE_SECONDS });
    this.trace = id;
    byId("trace").textContent = `of ${what}, for ${TRACE_SECONDS / 60} minutes, credentials unreadable`;
    const { messages } = await ask("GET", `/api/traces/${id}`);
    if (messages.length > 0) this.ladder.add(messages);
  }
}

/** AOR → instance → flow → edge. */
function draw(place, flows, word, more) {
  place.replaceChildren();
  if (flows.length === 0) {
    const none = document.createElement("p");
    none.textContent = `No flow for ${word} now.`;
    return place.append(none);
  }
  const aors = new Column();
  const instances = new Column();
  const edges = new Column();
  const joins = [];
  flows.forEach((flow, row) => {
    const y = row * GAP + 6;
    edges.put(flow.local, `${flow.transport} ${flow.local}`, `shard ${flow.shard}`, y);
    joins.push([COLUMN[2] + WIDE, y, COLUMN[3], () => edges.y(flow.local)]);
    for (const { aor, instance } of flow.aors) {
      const key = instance || `${flow.id} no instance`;
      aors.put(aor, aor, "", y);
      instances.put(key, instance === "" ? "no instance" : instance.replace(/^urn:uuid:/i, ""), instance === "" ? "" : "+sip.instance", y);
      joins.push([COLUMN[0] + BOX.width, () => aors.y(aor), COLUMN[1], () => instances.y(key)], [COLUMN[1] + WIDE, () => instances.y(key), COLUMN[2], y]);
    }
  });
  for (const column of [aors, instances, edges]) column.settle();
  const height = Math.max(flows.length * GAP, aors.height, instances.height, edges.height) + 12;
  const svg = element("svg", { width: COLUMN[3] + BOX.width + 10, height, role: "img", "aria-label": "AOR, instance, flows and edge" });
  const value = (given) => (typeof given === "function" ? given() : given) + BOX.height / 2;
  const drawn = new Set();
  for (const [x1, from, x2, to] of joins) {
    const d = `M${x1} ${value(from)}C${(x1 + x2) / 2} ${value(from)} ${(x1 + x2) / 2} ${value(to)} ${x2} ${value(to)}`;
    if (!drawn.has(d)) svg.append(element("path", { class: "join", d }));
    drawn.add(d);
  }
  for (const { title, detail, y } of aors.cells()) box(svg, COLUMN[0], y, BOX.width, title, detail || "AOR");
  for (const { title, detail, y } of instances.cells()) box(svg, COLUMN[1], y, WIDE, title, detail);
  flows.forEach((flow, row) => box(svg, COLUMN[2], row * GAP + 6, WIDE, `${flow.transport} ${flow.address}:${flow.port}`, flowDetail(flow), flowClass(flow)));
  for (const { title, detail, y } of edges.cells()) box(svg, COLUMN[3], y, BOX.width, title, detail);
  place.append(svg);
  if (more) {
    const note = document.createElement("p");
    note.className = "quiet";
    note.textContent = `The first ${flows.length} are shown.`;
    place.append(note);
  }
}

/** Boxes of one kind under each other, each as near as can be to the flows that it belongs to. */
class Column {
  #cells = new Map();

  put(key, title, detail, y) {
    const cell = this.#cells.get(key) ?? { title, detail, wanted: [] };
    cell.wanted.push(y);
    this.#cells.set(key, cell);
  }

  settle() {
    let free = 0;
    for (const cell of this.#cells.values()) {
      const middle = cell.wanted.reduce((sum, one) => sum + one, 0) / cell.wanted.length;
      cell.y = Math.max(middle, free);
      free = cell.y + GAP;
    }
    this.height = free;
  }

  y(key) {
    return this.#cells.get(key).y;
  }

  cells() {
    return this.#cells.values();
  }
}

function flowDetail(flow) {
  const regId = flow.aors[0]?.regId;
  const words = [expiry(flow), regId ? `reg-id=${regId}` : "", flow.outbound && !regId ? "outbound" : "", `silent ${span(flow.idleMs)}`, flow.ageMs >= 0 ? `age ${span(flow.ageMs)}` : "", flow.roundTripUs > 0 ? `rtt ${(flow.roundTripUs / 1000).toFixed(1)} ms` : ""];
  return words.filter((word) => word !== "").join(" · ");
}

/** How long the registration over the flow lasts, not the flow. */
function expiry({ aors }) {
  if (aors.length === 0) return "not registered";
  const seconds = Math.max(...aors.map(({ expiresInSeconds }) => expiresInSeconds ?? Infinity));
  if (seconds === Infinity) return "";
  return seconds > 0 ? `registered for ${span(seconds * 1000)}` : `ran out ${span(-seconds * 1000)} ago`;
}

function flowClass({ dead, superviseSeconds, idleMs, aors }) {
  if (dead || (aors.length > 0 && aors.every(({ expiresInSeconds }) => expiresInSeconds !== null && expiresInSeconds <= 0))) return "dead";
  if (aors.length === 0) return "";
  return superviseSeconds > 0 && idleMs > superviseSeconds * 1000 * LATE_SHARE ? "late" : "alive";
}

function box(svg, x, y, width, title, detail, kind = "") {
  const most = Math.floor(width / 7.4);
  const group = element("g", {});
  group.append(
    element("rect", { class: `box ${kind}`, x, y, width, height: BOX.height, rx: 9 }),
    element("text", { x: x + 12, y: y + 20, "font-weight": 600 }, title.length > most ? `${title.slice(0, most - 1)}…` : title),
    element("text", { class: "soft", x: x + 12, y: y + 36 }, detail.length > most + 6 ? `${detail.slice(0, most + 5)}…` : detail),
    element("title", {}, `${title}\n${detail}`),
  );
  svg.append(group);
}

function drawEnded(place, ended) {
  place.replaceChildren();
  for (const { endedMs, transport, address, port, lastedMs, reason } of ended) {
    const line = document.createElement("p");
    line.className = "quiet";
    line.textContent = `${transport} ${address}:${port} ended ${span(endedMs)} ago after ${span(lastedMs)}: ${reason}`;
    place.append(line);
  }
}

export function span(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}
