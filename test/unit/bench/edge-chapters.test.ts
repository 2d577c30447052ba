/** The chapters about an edge at every load say what the results say, put together from parts that were measured apart. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { afterAll, expect, test, vi } from "vitest";

const out = mkdtempSync(join(tmpdir(), "chapters-"));
vi.mock("../../../bench/lib/tools.mjs", () => ({ OUT: out }));
vi.mock("../../../bench/lib/markdown.mjs", async (original) => ({ ...(await original<object>()), chart: (name: string, _: string, bars: unknown[]) => `chart ${name} of ${bars.length}` }));

const machine = { load_average: "0.10" };
const put = (name: string, result: object): void => writeFileSync(join(out, `${name}.json`), JSON.stringify({ command: `npm run bench -- ${name}`, machine, ...result }));

// Whoever ran before in this process may have loaded them with the real folder.
vi.resetModules();
const chapters = await import("../../../bench/lib/edge-chapters.mjs");
afterAll(() => rmSync(out, { recursive: true }));

test("without results there are no chapters", () => {
  expect([chapters.lows(), chapters.flows(), chapters.shares(), chapters.attacks()]).toEqual([undefined, undefined, undefined, undefined]);
});

test("windows and rates of two parts become one table, with the floor beside it and what is within the noise in brackets", () => {
  const row = (legs: string, name: string, cost: number, counts: boolean) => ({ legs, name, workload: "call", load: "1000/s", noise: 0.05, cost, ratio: cost / 20, counts, p50: 100, p99: 200, lost: 0 });
  put("low", { idle: 0.0015, rows: [row("udp-udp", "floor", 20, true), row("udp-udp", "sluice", 25, true)] });
  put("low-tls", { idle: null, rows: [row("tls-udp", "floor", 20, true), row("tls-udp", "sluice", 21, false)] });
  const text = chapters.lows() ?? "";
  expect(text).toContain("| UDP to UDP | 1000/s | call | 20.00 | 25.00 | 1.25 | 5 % | 100 | 200 | 0 |");
  expect(text).toContain("| TLS to UDP | 1000/s | call | 20.00 | 21.00 | (1.05) |");
  expect(text).toContain("0.15 % of a core");
  expect(text).toContain("chart low of 2");
});

test("a message with many flows is compared with the fewest, and with how much dearer the floor became", () => {
  const result = (floor: number, own: number) => [{ legs: "tcp-tcp", workload: "register", summary: { rows: [{ name: "floor", cost: floor }, { name: "sluice", cost: own }] } }];
  put("edge-flows-1000", { settings: { flows: "1000" }, results: result(4, 5) });
  put("edge-flows-19000", { settings: { flows: "19000" }, results: result(5, 5.5) });
  expect(chapters.flows()).toContain("| TCP to TCP | register | 19000 | 5.00 | 5.50 | 1.10 | 1.25 |");
});

test("an attack stands beside what it costs the others, and what they let through", () => {
  const row = (name: string, us: number, letThrough: number) => ({ legs: "udp-udp", kind: "forged-token", name, us, message: 8, p99: 210, p99Alone: 200, lost: 0, letThrough });
  put("hostile-kinds-udp", { rows: [row("sluice", 2.5, 0), row("kamailio-stateless", 9, 2_750)] });
  expect(chapters.attacks()).toContain("| UDP to UDP | forged-token | 2.5 | 9.0 | 8.0 | 200 | 210 | 0 | 0 | 2750 |");
});

test("shards: counters as they are", () => {
  put("shards", { rows: [{ legs: "udp-udp", shards: 2, workload: "call", messages: [600, 400], most: 1.2, crossed: 0.004, lost: 0, wrong: 0 }] });
  expect(chapters.shares()).toContain("| UDP to UDP | 2 | call | 1000 | 1.20 | 0.4 % | 0 | 0 |");
});
