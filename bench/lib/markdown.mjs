/** Building blocks for the parts of docs/benchmarks.md. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/run.mjs";
import { barChart } from "./chart.mjs";

export const DOCS = join(ROOT, "docs");
export const CHARTS = join(DOCS, "benchmarks");

export function markdown(header, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** The command that produced a result. */
export function command({ command: text, machine }) {
  return `\`${text}\` (load average ${machine.load_average})`;
}

/** Writes a chart and returns the line that displays it. */
export function chart(name, title, bars) {
  writeFileSync(join(CHARTS, `${name}.svg`), barChart(title, bars.filter(({ value }) => Number.isFinite(value))));
  return `![${title}](benchmarks/${name}.svg)`;
}

/** "udp-tcp" as words. */
export function legsText(legs) {
  return legs.toUpperCase().replace("-", " to ");
}

export function folded(title, text) {
  return `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;
}
