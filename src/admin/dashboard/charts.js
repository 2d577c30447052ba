/** Lines over the last minutes, by uPlot. */
import uPlot from "/uplot.js";

const SECONDS = 300;
const HEIGHT = 190;

/** The colours of the page, which change with dark and light. */
function tone(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Chart {
  /** `series`: [{ label, tone }]. */
  constructor(id, series) {
    this.place = document.getElementById(id);
    this.series = series;
    this.data = [[], ...series.map(() => [])];
    this.draw();
    new ResizeObserver(() => this.plot.setSize(this.size())).observe(this.place);
  }

  size() {
    return { width: Math.max(this.place.clientWidth, 200), height: HEIGHT };
  }

  draw() {
    this.plot?.destroy();
    const axis = { stroke: tone("quiet"), grid: { stroke: tone("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    this.plot = new uPlot({
      ...this.size(),
      scales: { y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1)] } },
      axes: [{ ...axis, size: 32, gap: 6, incrs: [1, 5, 10, 30, 60, 120], values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" })), space: 90 }, { ...axis, size: 54, values: (_, ticks) => ticks.map(short) }],
      series: [{ value: (_, at) => (at ? new Date(at * 1000).toLocaleTimeString([], { hourCycle: "h23" }) : "") }, ...this.series.map((one) => ({
        label: one.label,
        stroke: tone(one.tone),
        fill: `color-mix(in srgb, ${tone(one.tone)} 10%, transparent)`,
        width: 1.6,
        points: { show: false },
        value: (_, value) => (value === null || value === undefined ? "" : short(value)),
      }))],
      cursor: { points: { size: 6 } },
      legend: { live: false },
    }, this.data, this.place);
  }

  add(at, values) {
    this.data[0].push(at);
    values.forEach((value, index) => this.data[index + 1].push(value));
    if (this.data[0].length > SECONDS) for (const column of this.data) column.shift();
    this.plot.setData(this.data);
  }
}

export function short(value) {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (Math.abs(value) >= 1e4) return `${Math.round(value / 1e3)}k`;
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}

/** Shows every digit: 10,240, not 10k. */
export function exact(value) {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}
