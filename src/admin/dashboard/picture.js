/** AOR → instance → flow → edge, as a picture (RFC 5626 3.2). The tables below say the same. */
import { shape, note } from "/make.js";
import { stateOf } from "/phone-tables.js";
import { place } from "/words.js";

const LEFT = [2, 262, 622, 962];
const BOX = { width: 220, wide: 320, flow: 280, height: 46 };
const GAP = 62;
const MOST = 12;
const KINDS = { alive: "alive", late: "late", expired: "dead", dead: "dead" };

export function drawPicture(where, flows) {
  const shown = flows.slice(0, MOST);
  const picture = shown.length === 0 ? undefined : svgOf(shown);
  // Where nothing has changed, nothing is drawn.
  const look = picture?.outerHTML ?? "";
  if (where.dataset.look === look) return;
  where.dataset.look = look;
  where.replaceChildren(...(picture === undefined ? [] : [picture]), ...(flows.length > MOST ? [note(`The first ${MOST} of its flows; the table has them all.`)] : []));
}

function svgOf(flows) {
  const [aors, instances, edges] = [new Column(), new Column(), new Column()];
  const joins = [];
  flows.forEach((flow, row) => {
    const y = row * GAP + 6;
    edges.put(flow.local, `${flow.transport} ${flow.local}`, `shard ${flow.shard}`, y);
    joins.push([LEFT[2] + BOX.flow, y, LEFT[3], () => edges.y(flow.local)]);
    for (const { aor, instance } of flow.aors) {
      const key = instance || `${flow.id} no instance`;
      aors.put(aor, aor, "AOR", y);
      instances.put(key, instance === "" ? "no instance" : instance.replace(/^urn:uuid:/i, ""), instance === "" ? "" : "+sip.instance", y);
      joins.push([LEFT[0] + BOX.width, () => aors.y(aor), LEFT[1], () => instances.y(key)], [LEFT[1] + BOX.wide, () => instances.y(key), LEFT[2], y]);
    }
  });
  for (const column of [aors, instances, edges]) column.settle();
  const size = { width: LEFT[3] + BOX.width + 4, height: Math.max(flows.length * GAP, aors.height, instances.height, edges.height) + 4 };
  const svg = shape("svg", { ...size, viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-label": "AOR, instance, flows and server; the tables below say the same" });
  const middle = (given) => (typeof given === "function" ? given() : given) + BOX.height / 2;
  const lines = new Set(joins.map(([x1, from, x2, to]) => `M${x1} ${middle(from)}C${(x1 + x2) / 2} ${middle(from)} ${(x1 + x2) / 2} ${middle(to)} ${x2} ${middle(to)}`));
  for (const d of lines) svg.append(shape("path", { class: "join", d }));
  for (const cell of aors.cells()) svg.append(box(LEFT[0], BOX.width, cell));
  for (const cell of instances.cells()) svg.append(box(LEFT[1], BOX.wide, cell));
  flows.forEach((flow, row) => {
    const regIds = flow.aors.filter(({ regId }) => regId > 0).map(({ regId }) => regId);
    const words = [stateOf(flow), regIds.length > 0 ? `reg-id=${[...new Set(regIds)].join(", ")}` : flow.outbound ? "outbound" : ""];
    svg.append(box(LEFT[2], BOX.flow, { title: place(flow), detail: words.filter((word) => word !== "").join(" · "), y: row * GAP + 6 }, KINDS[stateOf(flow)]));
  });
  for (const cell of edges.cells()) svg.append(box(LEFT[3], BOX.width, cell));
  return svg;
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
      cell.y = Math.max(cell.wanted.reduce((sum, one) => sum + one, 0) / cell.wanted.length, free);
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

function box(x, width, { title, detail, y }, kind = "") {
  const most = Math.floor(width / 7.6);
  const group = shape("g", {});
  group.append(
    shape("rect", { class: `box ${kind}`, x, y, width, height: BOX.height, rx: 9 }),
    shape("text", { x: x + 12, y: y + 20, class: "strong" }, cut(title, most)),
    shape("text", { x: x + 12, y: y + 36, class: "soft" }, cut(detail, most + 6)),
    shape("title", {}, `${title}\n${detail}`),
  );
  return group;
}

function cut(text, most) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
