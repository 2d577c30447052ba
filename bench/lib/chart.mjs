/** SVG bar charts that follow the reader's light or dark scheme and need no script and no font. */
const LABEL = 190;
const WIDTH = 720;
const BAR = 20;
const GAP = 8;
const TOP = 34;

const STYLE = `
text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.value{font-variant-numeric:tabular-nums}
.a{fill:#0969da}.b{fill:#8c959f}.axis{stroke:#d0d7de}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.a{fill:#58a6ff}.b{fill:#6e7681}.axis{stroke:#30363d}}`;

/** `rows` are `{ name, value, text, own }`; the bars of `own` rows stand out. */
export function barChart(title, rows) {
  const height = TOP + rows.length * (BAR + GAP) + 8;
  const most = Math.max(...rows.map((row) => row.value));
  const room = WIDTH - LABEL - 130;
  const bars = rows.map((row, i) => {
    const y = TOP + i * (BAR + GAP);
    const width = Math.max(1, (row.value / most) * room).toFixed(1);
    const middle = y + BAR / 2 + 5;
    return [
      `<text x="${LABEL - 8}" y="${middle}" text-anchor="end">${escaped(row.name)}</text>`,
      `<rect class="${row.own ? "a" : "b"}" x="${LABEL}" y="${y}" width="${width}" height="${BAR}" rx="3"/>`,
      `<text class="value" x="${LABEL + Number(width) + 8}" y="${middle}">${escaped(row.text)}</text>`,
    ].join("");
  });
  const axis = `<line class="axis" x1="${LABEL}" y1="${TOP - 6}" x2="${LABEL}" y2="${height - 4}"/>`;
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img"><title>${escaped(title)}</title>`;
  return `${head}<style>${STYLE}</style><text class="title" x="8" y="18">${escaped(title)}</text>${axis}${bars.join("")}</svg>\n`;
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
