/** The parts of docs/benchmarks.md that compare edges. */
import { fixed, median } from "./figures.mjs";
import { chart, command, folded, legsText, markdown } from "./markdown.mjs";
import { load } from "./results.mjs";
import { verdicts } from "./verdict.mjs";

const isOwn = (name) => name === "sluice";

export function comparison() {
  const found = load("edge");
  if (found === undefined) return undefined;
  const { settings, results } = found;
  const all = verdicts(results);
  const parts = [...new Set(all.map(({ workload }) => workload))].map((workload) => bestTable(workload, all.filter((one) => one.workload === workload)));
  const details = results.map((result) => `#### ${result.workload}, ${legsText(result.legs)}\n\n${costTable(result.summary)}`);
  return `## CPU per relayed message

${command(found)}; ${settings.flows} flows, ${settings.size} octets, window ${settings.window}, ${settings.rounds} rounds of ${settings.seconds} s.
Each edge ran with a core over UDP and with one over TCP, and the cheaper of the two counts. The columns "x Sluice" say how many times as much
CPU as Sluice an edge needs. The floor reads neither SIP nor WebSocket: its figure for WS is that of TCP, and for WSS that of TLS.

${parts.join("\n\n")}

${folded("Every pair of transports, with rates, latencies and noise", details.join("\n\n"))}`;
}

function bestTable(workload, verdictsOf) {
  const bars = verdictsOf.flatMap(({ client, best }) => Object.entries(best).map(([name, { cost }]) => ({ name: `${client} ${name}`, value: cost, text: `${fixed(cost)} us`, own: isOwn(name) })));
  const rivals = verdictsOf[0].rivals.map(({ name }) => name);
  const cells = verdictsOf.map(({ client, best, own, rivals: others }) => [
    client.toUpperCase(),
    best.floor === undefined ? "-" : fixed(best.floor.cost),
    own === undefined ? "-" : `${fixed(own.cost)} (${own.core})`,
    own?.base === "floor" ? fixed(own.toBase) : "-",
    ...others.flatMap((each) => [`${fixed(each.cost)} (${each.core})`, `**${fixed(each.times)}**`]),
  ]);
  return `### ${workload}

${chart(workload, `CPU per relayed message in us: ${workload}`, bars)}

${markdown(["clients", "floor us", "Sluice us (core)", "x floor", ...rivals.flatMap((name) => [`${name} us (core)`, "x Sluice"])], cells)}`;
}

export function costTable({ base, noise, rows, starved, runs }) {
  const cells = rows.map((row) => {
    const ratio = row.counts || row.name === base ? fixed(row.ratio) : `(${fixed(row.ratio)})`;
    return [row.name, fixed(row.cost), ratio, fixed(row.rate / 1000, 0), fixed(row.p50, 0), fixed(row.p99, 0), fixed(row.p999, 0), row.lost, row.wrong];
  });
  const busy = starved > 0 ? ` In ${starved} of ${runs} runs the edge was not busy all the time (the load or other work was the limit): rates and latencies say little, and costs include waking up.` : "";
  return `${markdown(["edge", "us CPU / message", `x ${base}`, "kmsg/s", "p50 us", "p99 us", "p99.9 us", "lost", "wrong"], cells)}\n\nNoise: ${fixed(100 * noise, 1)} %.${busy}`;
}

export function workers() {
  const found = load("workers");
  if (found === undefined) return undefined;
  const parts = found.results.map(({ legs, workload, summary }) => `### ${workload}, ${legsText(legs)}, two workers\n\n${costTable(summary)}`);
  return `## Two shards against two workers

${command(found)}. The edge has both CPUs, and the load, which sleeps between events, shares one of them: only the costs are meaningful.

${parts.join("\n\n")}`;
}

export function rates() {
  const found = load("rate");
  if (found === undefined) return undefined;
  const bars = found.results.flatMap(({ legs, workload, rows }) => rows.map((row) => ({ name: `${legs} ${row.name}`, value: row.rate, text: `${fixed(row.rate / 1000, 0)} kmsg/s ${workload}`, own: isOwn(row.name) })));
  const cells = found.results.flatMap(({ legs, workload, rows }) => {
    const own = rows.find(({ name }) => isOwn(name))?.rate;
    return rows.map((row) => [row.name, `${workload}, ${legsText(legs)}`, fixed(row.rate / 1000, 1), fixed(own / row.rate), fixed(row.p50, 0), fixed(row.p99, 0), fixed(row.p999, 0), row.late > 0 ? "load" : "edge"]);
  });
  const spread = Math.max(...found.results.map(({ rows }) => rows[0].spread));
  return `## Highest rate

${command(found)}. The highest rate on one core at which less than 0.1 % is lost and at most 20 ms of traffic is queued, found by halving, each step tried
twice; then the latencies at half of the edge's own highest rate, open loop. Where the load was the limit, the edge could have done more.

${chart("rate", "Highest rate under 0.1 % loss", bars)}

${markdown(["edge", "workload", "kmsg/s", "Sluice holds x", "p50 us at half", "p99 us", "p99.9 us", "limit"], cells)}

Noise: the first edge ran at both ends of each round, and its two runs differed by at most ${fixed(100 * spread, 0)} %.${sameRates(found.results)}`;
}

/** What all edges take at one rate, which every one of them holds. */
function sameRates(results) {
  const cells = results.flatMap(({ legs, workload, atHalf }) =>
    [...new Set((atHalf?.rows ?? []).map(({ name }) => name))].map((name) => {
      const middle = (field) => median(atHalf.rows.filter((run) => run.name === name).map((run) => run[field]));
      return [name, `${workload}, ${legsText(legs)}`, atHalf.rate, fixed(middle("edge_cpu_us_per_message")), ...["p50_us", "p99_us", "p999_us"].map((field) => fixed(middle(field), 0))];
    }),
  );
  if (cells.length === 0) return "";
  return `\n\nAll at half of what the better Kamailio holds:\n\n${markdown(["edge", "workload", "exchanges a second", "us CPU / message", "p50 us", "p99 us", "p99.9 us"], cells)}`;
}

export function storm() {
  const found = load("storm");
  if (found === undefined) return undefined;
  const { settings } = found;
  const results = found.results.map(({ legs, rows }) => ({ legs, rows: rows.filter((row) => row.runs > 0) }));
  const bars = results.flatMap(({ legs, rows }) => rows.map((row) => ({ name: `${legs} ${row.name}`, value: row.seconds, text: `${fixed(row.seconds)} s`, own: isOwn(row.name) })));
  const cells = results.flatMap(({ legs, rows }) => rows.map((row) => [row.name, legsText(legs), fixed(row.seconds), `${fixed(row.least)}-${fixed(row.most)}`, fixed(row.cpu), fixed((1e6 * row.cpu) / settings.flows, 0), row.lost, row.closed, row.refused]));
  return `## Reconnect storm

${command(found)}: ${settings.flows} clients connect, ${settings["at-once"]} of them connecting at any time, and each registers once it is connected; over TLS each does a full
handshake (TLS 1.3, P-256). Medians of ${settings.rounds} round${settings.rounds === "1" ? "" : "s"}, in which the first edge runs twice.

${chart("storm", "Seconds until all are in", bars)}

${markdown(["edge", "transports", "s until all are in", "least-most", "s of CPU", "us CPU / client", "lost", "cut off", "refused"], cells)}`;
}

export function memory() {
  const found = load("idle");
  if (found === undefined) return undefined;
  const rows = found.results.flatMap(({ legs, runs }) => runs.filter((run) => !run.again).map((run) => ({ ...run, legs })));
  const bars = rows.map((row) => ({ name: `${row.legs} ${row.name}`, value: Math.max(1, row.pss_bytes_per_flow), text: `${fixed(row.pss_bytes_per_flow, 0)} octets`, own: isOwn(row.name) }));
  const cells = rows.map((row) => [row.name, legsText(row.legs), row.counted_flows, fixed(row.pss_bytes_per_flow, 0)]);
  return `## Memory of an idle flow

${command(found)}. User memory (PSS) of each further flow, without the kernel's sockets.

${chart("idle", "Octets of user memory of an idle flow", bars)}

${markdown(["edge", "transports", "flows", "octets / flow"], cells)}`;
}

/** A load at a rate that all sustain: what it costs and how long it takes. */
function openLoop(name, title, text, further = []) {
  const found = load(name);
  if (found === undefined) return undefined;
  const cells = found.results.flatMap(({ legs, summary, runs }) =>
    summary.rows.map((row) => {
      const own = runs.filter((run) => run.name === row.name);
      const more = further.map(({ field }) => median(own.map((run) => run[field])));
      return [row.name, legsText(legs), fixed(row.cost), fixed(100 * row.busy, 0), fixed(row.p50, 0), fixed(row.p99, 0), row.lost, row.wrong, ...more];
    }),
  );
  const header = ["edge", "transports", "us CPU / message", "% of a core", "p50 us", "p99 us", "lost", "wrong", ...further.map(({ head }) => head)];
  return `## ${title}\n\n${command(found)}; ${found.settings.flows} flows, ${found.settings.rate} exchanges a second. ${text}\n\n${markdown(header, cells)}`;
}

export function keepAlives() {
  return openLoop("keepalive", "Keep-alives", "STUN over UDP, CRLF over TCP, ping frames over WS. A ping and its answer are two messages.");
}

export function mixed() {
  return openLoop("mixed", "A day's mixture", "Of 25 exchanges, 20 are keep-alives, 3 are refreshes and 2 are calls.");
}

export function held() {
  return openLoop("held", "Many idle flows", "All flows are open, and few of them are active at any time.");
}

export function hostile() {
  const text =
    "Good traffic (REGISTER, MESSAGE, calls) beside attacks: octets that are not SIP, messages cut short or with impossible lengths, forged tokens, " +
    "half-finished handshakes. Good traffic must lose nothing; the cost includes the attacks. The last column counts attacks that reached the core.";
  return openLoop("hostile", "Beside attacks", text, [{ head: "attacks", field: "attacks" }, { head: "let through", field: "let_through" }]);
}
