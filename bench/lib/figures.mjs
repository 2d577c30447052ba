/** Medians, and tables for the terminal. */
export function median(values) {
  const sorted = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function table(header, rows) {
  const all = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  const line = (row) => row.map(pad).join("  ");
  return [line(all[0]), widths.map((width) => "-".repeat(width)).join("  "), ...all.slice(1).map(line)].join("\n");
}

export function fixed(value, digits = 2) {
  return Number.isFinite(value) ? value.toFixed(digits) : "-";
}

/** A ratio counts if all its rounds are on the same side of 1 and its distance from 1 exceeds the noise. */
export function ratioBeyondNoise(ratios, noise) {
  const ratio = median(ratios);
  const agreed = ratios.every((each) => each > 1) || ratios.every((each) => each < 1);
  return { ratio, counts: agreed && Math.abs(ratio - 1) > (Number.isFinite(noise) ? noise : 0) };
}

/** The least-squares line `y = base + slope * x`, and the share of the variation that it explains. */
export function fitLine(points) {
  const n = points.length;
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / n;
  const mx = mean(([x]) => x);
  const my = mean(([, y]) => y);
  const sxx = mean(([x]) => (x - mx) ** 2);
  const sxy = mean(([x, y]) => (x - mx) * (y - my));
  const syy = mean(([, y]) => (y - my) ** 2);
  const slope = sxx === 0 ? 0 : sxy / sxx;
  return { base: my - slope * mx, slope, explained: syy === 0 ? 1 : (slope * sxy) / syy };
}
