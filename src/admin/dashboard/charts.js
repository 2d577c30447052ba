/** Lines over the last minutes, by uPlot, with the numbers of now as their key. */
import uPlot from "/uplot.js";
import { byId, make, setText, sync } from "/make.js";
import { clock, exact, short } from "/words.js";

const SECONDS = 300;
const HEIGHT = 170;
/** Between two lines of the grid: whole numbers that are easily read. */
const STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

/** The colours of the page, which change with dark and light. */
function tone(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Chart {
  /** `lines`: [{ label, tone }]. */
  constructor(id, title, lines) {
    this.lines = lines;
    this.data = [[], ...lines.map(() => [])];
    this.key = make("span", { kind: "key" });
    this.place = make("div", { kind: "plot", "aria-hidden": "true" });
    byId(id).append(make("figcaption", {}, make("b", { text: title }), this.key), this.place);
    this.draw();
    new ResizeObserver(() => this.place.clientWidth > 0 && this.plot.setSize(this.size())).observe(this.place);
  }

  size() {
    return { width: Math.max(this.place.clientWidth, 200), height: HEIGHT };
  }

  draw() {
    this.plot?.destroy();
    const axis = { stroke: tone("quiet"), grid: { stroke: tone("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const times = (_, ticks) => ticks.map((at) => clock(at * 1000));
    this.plot = new uPlot({
      ...this.size(),
      scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
      axes: [{ ...axis, size: 32, gap: 6, incrs: [1, 5, 10, 30, 60, 120], values: times, space: 90 }, { ...axis, size: 54, incrs: STEPS, values: (_, ticks) => ticks.map(short) }],
      series: [{}, ...this.lines.map((one) => ({
        stroke: tone(one.tone),
        fill: `color-mix(in srgb, ${tone(one.tone)} 10%, transparent)`,
        width: 1.6,
        points: { show: false },
      }))],
      cursor: { show: false },
      legend: { show: false },
    }, this.data, this.place);
  }

  add(at, values) {
    this.#push(at, values);
    const now = this.lines.map((line, which) => ({ ...line, value: values[which] }));
    sync(this.key, now, {
      keyOf: ({ label }) => label,
      create: ({ label, tone: colour }) => {
        const one = make("span", {}, make("i"), make("b"), ` ${label}`);
        one.style.setProperty("--tone", `var(--${colour})`);
        return one;
      },
      update: (one, { value }) => setText(one.children[1], exact(value)),
    });
  }

  /** The line ends here, and begins anew later. */
  gap() {
    const last = this.data[0].at(-1);
    if (last !== undefined && this.data[1].at(-1) !== null) this.#push(last + 0.001, this.lines.map(() => null));
  }

  #push(at, values) {
    this.data[0].push(at);
    values.forEach((value, index) => this.data[index + 1].push(value));
    if (this.data[0].length > SECONDS) for (const column of this.data) column.shift();
    this.plot.setData(this.data);
  }
}
