/** The arithmetic of the benchmarks, on which every figure depends. */
import { expect, test } from "vitest";
import { fitLine, median, ratioBeyondNoise } from "../../../bench/lib/figures.mjs";
import { barChart } from "../../../bench/lib/chart.mjs";
import { chaptersOf } from "../../../bench/lib/document.mjs";
import { registrarRows } from "../../../bench/lib/registrar-rows.mjs";
import { verdicts } from "../../../bench/lib/verdict.mjs";

test("a median ignores non-numbers and lies between the two middle values", () => {
  expect(median([5, 1, Number.NaN, 3])).toBe(3);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("a ratio counts only beyond the noise, and only if all rounds agree", () => {
  expect(ratioBeyondNoise([1.5, 1.4, 1.6], 0.02)).toEqual({ ratio: 1.5, counts: true });
  expect(ratioBeyondNoise([1.01, 1.02, 1.03], 0.05)).toEqual({ ratio: 1.02, counts: false });
  expect(ratioBeyondNoise([0.9, 1.2, 1.3], 0.02)).toEqual({ ratio: 1.2, counts: false });
});

test("a line through collinear points is found exactly", () => {
  const fit = fitLine([[1, 5], [5, 13], [19, 41]]);
  expect(fit.base).toBeCloseTo(3);
  expect(fit.slope).toBeCloseTo(2);
  expect(fit.explained).toBeCloseTo(1);
});

test("a flat line has no slope and explains everything", () => {
  expect(fitLine([[1, 2], [2, 2]])).toEqual({ base: 2, slope: 0, explained: 1 });
});

test("a chart shows each row in proportion, escapes names and follows the colour scheme", () => {
  const svg = barChart("a < b", [
    { name: "x&y", value: 2, text: "2", own: true },
    { name: "z", value: 1, text: "1", own: false },
  ]);
  expect(svg).toContain("prefers-color-scheme:dark");
  expect(svg).toContain("x&amp;y");
  expect(svg).toContain('width="400.0"');
  expect(svg).toContain('width="200.0"');
});

test("a verdict takes each edge at its cheapest core side, and ratios to the floor from where Sluice is cheapest", () => {
  const result = (legs: string, costs: Record<string, number>): object => ({
    workload: "register",
    legs,
    summary: { base: "floor", rows: Object.entries(costs).map(([name, cost]) => ({ name, cost, ratio: cost / Number(costs["floor"]) })) },
  });
  const [tls, ...others] = verdicts([
    result("tls-udp", { floor: 4, sluice: 5, "kamailio-stateless": 12 }),
    result("tls-tcp", { floor: 3, sluice: 6, "kamailio-stateless": 10 }),
    result("udp-udp", { floor: 2, sluice: 3, "kamailio-stateless": Number.NaN }),
  ]);
  expect(tls).toMatchObject({ workload: "register", client: "tls", best: { floor: { cost: 3, core: "tcp" } }, own: { cost: 5, core: "udp", toBase: 1.25 } });
  expect(tls?.rivals).toMatchObject([{ name: "kamailio-stateless", cost: 10, core: "tcp", times: 2 }]);
  expect(others).toMatchObject([{ client: "udp", own: { cost: 3 }, rivals: [] }]);
});

test("a document falls into chapters, and together they are the document", () => {
  const text = "# Title\n\nwords\n\n## One\n\n### Part\n\n```\n# no heading\n```\n\n## Two\n\nlast\n";
  const chapters = chaptersOf(text);
  expect([...chapters.keys()]).toEqual(["", "One", "Two"]);
  expect(`${[...chapters.values()].join("\n\n")}\n`).toBe(text);
});

test("registrars are compared within a round, for each workload and digest", () => {
  const run = (round: number, name: string, digest: string, cost: number): object => ({ round, name, workload: "refresh", digest, cpu_us: cost, lost: 1, wrong: 0, first_wrong: "" });
  const rows: readonly { workload: string; name: string; ratio: number; lost: number }[] = registrarRows([run(0, "kamailio", "none", 10), run(0, "sluice", "none", 5), run(1, "kamailio", "none", 40), run(1, "sluice", "none", 20), run(0, "kamailio", "md5", 8), run(0, "sluice", "md5", 6)], ["kamailio", "sluice"]);
  expect(rows.map(({ workload, name, ratio, lost }) => [workload, name, ratio, lost])).toEqual([
    ["refresh", "kamailio", 1, 2],
    ["refresh", "sluice", 0.5, 2],
    ["refresh, md5", "kamailio", 1, 1],
    ["refresh, md5", "sluice", 0.75, 1],
  ]);
});
