/** Draws docs/images/rooms.svg from the actual includes and imports: a row per room, with a dot under each room that it uses. */
import { join } from "node:path";
import { HOUSES, readOrder, readUses } from "./rooms.mjs";
import { ROOT } from "./run.mjs";

export const FLOOR_PLAN_SVG = join(ROOT, "docs/images/rooms.svg");

const CELL = 26;
const NAMES = 96;
const HEAD = 104;
const GAP = 48;

const STYLE = `
text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.grid{stroke:#d0d7de;fill:none}.own{fill:#d0d7de}.use{fill:#0969da}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}.own{fill:#30363d}.use{fill:#58a6ff}}`;

export function floorPlan() {
  const plans = HOUSES.map((house) => ({ house, order: readOrder(house), used: new Set(readUses(house).map(({ from, to }) => `${from} ${to}`)) }));
  let x = 0;
  const drawn = plans.map(({ house, order, used }) => {
    const left = x;
    x += NAMES + order.length * CELL + GAP;
    return `<g transform="translate(${left} 0)">${matrix(house.name, order, used)}</g>`;
  });
  const height = HEAD + Math.max(...plans.map(({ order }) => order.length)) * CELL + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${x - GAP + 60} ${height}" role="img"><title>Which room uses which</title><style>${STYLE}</style>${drawn.join("\n")}</svg>\n`;
}

function matrix(title, order, used) {
  const parts = [`<text class="title" x="8" y="20">${title}</text>`];
  order.forEach((room, row) => {
    const y = HEAD + row * CELL;
    const x = NAMES + row * CELL;
    parts.push(`<text x="${NAMES - 8}" y="${y + 18}" text-anchor="end">${room}</text>`);
    parts.push(`<text transform="translate(${x + 17} ${HEAD - 8}) rotate(-60)">${room}</text>`);
    parts.push(`<rect class="own" x="${x}" y="${y}" width="${CELL}" height="${CELL}"/>`);
    parts.push(`<path class="grid" d="M${NAMES} ${y + CELL}h${(row + 1) * CELL}M${x + CELL} ${y}v${(order.length - row) * CELL}"/>`);
    order.forEach((other, column) => {
      if (row !== column && used.has(`${room} ${other}`)) parts.push(`<circle class="use" cx="${NAMES + column * CELL + CELL / 2}" cy="${y + CELL / 2}" r="6"/>`);
    });
  });
  return parts.join("\n");
}
