/** The parts of docs/benchmarks.md about an edge at every load: rates, shards, many flows, attacks one by one. */
import { fixed } from "./figures.mjs";
import { chart, command, legsText, markdown } from "./markdown.mjs";
import { loadAll } from "./results.mjs";

const commands = (found) => found.map(command).join(", ");

/** From the results of `low`, and of `low --out low-SOMETHING` for some pairs of transports at a time. */
export function lows() {
  const found = loadAll("low");
  if (found.length === 0) return undefined;
  const floors = found.flatMap(({ rows }) => rows.filter(({ name }) => name === "floor"));
  const floorOf = (row) => floors.find((one) => one.legs === row.legs && one.workload === row.workload && one.load === row.load);
  const own = found.flatMap(({ rows }) => rows.filter(({ name }) => name === "sluice"));
  const bars = own.map((row) => ({ name: `${row.legs} ${row.load} ${row.workload}`, value: row.ratio, text: `x ${fixed(row.ratio)}`, own: row.ratio <= 1 }));
  const cells = own.map((row) => [
    legsText(row.legs),
    row.load,
    row.workload,
    fixed(floorOf(row)?.cost),
    fixed(row.cost),
    row.counts ? fixed(row.ratio) : `(${fixed(row.ratio)})`,
    `${fixed(100 * row.noise, 0)} %`,
    fixed(row.p50, 0),
    fixed(row.p99, 0),
    row.lost,
  ]);
  const idle = found.map((each) => each.idle).find(Number.isFinite);
  const silent = idle === undefined ? "" : ` An idle edge takes ${fixed(100 * idle, 2)} % of a core.`;
  return `## From one request to saturation

${commands(found)}. A window is how many requests wait for their responses in a closed loop; a rate is in exchanges a second. At low rates an edge pays for waking up, and so does the floor.${silent}

${chart("low", "CPU per relayed message, times the floor", bars)}

${markdown(["transports", "load", "workload", "floor us", "Sluice us", "x floor", "noise", "p50 us", "p99 us", "lost"], cells)}`;
}

/** From the results of `shards`. */
export function shares() {
  const found = loadAll("shards");
  if (found.length === 0) return undefined;
  const rows = found.flatMap((each) => each.rows);
  const bars = rows.map((row) => ({ name: `${row.legs} ${row.shards} ${row.workload}`, value: row.most, text: `x ${fixed(row.most)}`, own: true }));
  const cells = rows.map((row) => [legsText(row.legs), row.shards, row.workload, row.messages.reduce((sum, each) => sum + each, 0), fixed(row.most), `${fixed(100 * row.crossed, 1)} %`, row.lost, row.wrong]);
  return `## What each shard gets

${commands(found)}. Counters, not times: the largest share of a shard, times its fair share, and how many of the core's messages had to cross to another shard.

${chart("shards", "Largest share of a shard, times its fair share", bars)}

${markdown(["transports", "shards", "workload", "messages", "largest share", "crossed", "lost", "wrong"], cells)}`;
}

/** From the results of `edge --flows N --out edge-flows-N`, for two or more numbers. */
export function flows() {
  const found = loadAll("edge-flows").sort((one, other) => Number(one.settings.flows) - Number(other.settings.flows));
  if (found.length < 2) return undefined;
  const costs = found.flatMap(({ settings, results }) =>
    results.flatMap(({ legs, workload, summary }) => summary.rows.map((row) => ({ flows: Number(settings.flows), key: `${legs} ${workload}`, legs, workload, ...row }))),
  );
  const least = Number(found[0].settings.flows);
  const few = (row, name) => costs.find((one) => one.key === row.key && one.name === name && one.flows === least);
  const many = costs.filter((row) => row.name === "sluice" && row.flows > least);
  const floorOf = (row) => costs.find((one) => one.key === row.key && one.name === "floor" && one.flows === row.flows);
  const bars = many.map((row) => ({ name: `${row.legs} ${row.workload}`, value: row.cost / few(row, "sluice").cost, text: `x ${fixed(row.cost / few(row, "sluice").cost)}, ${row.flows} flows`, own: true }));
  const cells = many.map((row) => [
    legsText(row.legs),
    row.workload,
    row.flows,
    fixed(few(row, "sluice").cost),
    fixed(row.cost),
    fixed(row.cost / few(row, "sluice").cost),
    fixed(floorOf(row)?.cost / few(row, "floor")?.cost),
  ]);
  return `## Many active flows

${commands(found)}. What a message costs with many flows, times what it costs with ${least}, and the same for the floor.

${chart("flows", `CPU per relayed message, times that with ${least} flows`, bars)}

${markdown(["transports", "workload", "flows", `us with ${least}`, "us", "Sluice x", "floor x"], cells)}`;
}

/** From the results of `hostile`, and of `hostile --out hostile-kinds-SOMETHING` for some pairs of transports at a time. */
export function attacks() {
  const found = loadAll("hostile-kinds");
  if (found.length === 0) return undefined;
  const rows = found.flatMap((each) => each.rows);
  const names = [...new Set(rows.map(({ name }) => name))];
  const rivals = names.filter((name) => name !== "sluice");
  const own = rows.filter(({ name }) => name === "sluice");
  const rivalOf = (row, name) => rows.find((one) => one.name === name && one.legs === row.legs && one.kind === row.kind);
  const bars = own.map((row) => ({ name: `${row.legs} ${row.kind}`, value: Math.max(0, row.us), text: `${fixed(row.us, 1)} us`, own: true }));
  const cells = own.map((row) => [
    legsText(row.legs),
    row.kind,
    fixed(row.us, 1),
    ...rivals.map((name) => fixed(rivalOf(row, name)?.us, 1)),
    fixed(row.message, 1),
    fixed(row.p99Alone, 0),
    fixed(row.p99, 0),
    row.lost,
    row.letThrough,
    ...rivals.map((name) => rivalOf(row, name)?.letThrough ?? "-"),
  ]);
  const header = ["transports", "attack", "Sluice us", ...rivals.map((name) => `${name} us`), "a good message us", "good p99 us alone", "beside it", "lost", "let through", ...rivals.map((name) => `by ${name}`)];
  return `## Attacks, one by one

${commands(found)}. What an attack costs is the edge's CPU beside the same good traffic, less that of the good traffic alone, just before and just after; each figure is the difference of such runs, so small and negative ones mean "not to be told apart from nothing".

${chart("attacks", "CPU of an attack in us", bars)}

${markdown(header, cells)}`;
}
