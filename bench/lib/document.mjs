/** docs/benchmarks.md and its charts, from the results that lie in build/bench: the suite writes it, nobody edits it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/run.mjs";
import { barChart } from "./chart.mjs";
import { fixed } from "./figures.mjs";
import { load } from "./results.mjs";

const DOCS = join(ROOT, "docs");
const FILE = join(DOCS, "benchmarks.md");
const CHARTS = join(DOCS, "benchmarks");

export function writeDocument() {
  mkdirSync(CHARTS, { recursive: true });
  const parts = [head(), comparison(), layers(), keepAlives(), storm(), memory(), sizes(), heap(), native(), micro(), configuration()];
  writeFileSync(FILE, `${parts.filter((part) => part !== undefined).join("\n\n")}\n`);
  process.stdout.write("docs/benchmarks.md\n");
}

function head() {
  const { machine } = load("edge") ?? load("micro") ?? { machine: {} };
  return `# Benchmarks

<!-- Made by \`npm run bench -- quick\` or \`full\`: do not edit. -->

What is counted, and how the edges are set up, is told in [bench/README.md](../bench/README.md). Ratios are taken within a round, medians over
the rounds; the first edge runs twice in each round, and what its runs differ by is the noise. A ratio in brackets does not exceed it.

Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node ${machine.node}, ${machine.compiler},
${machine.kamailio ?? "no Kamailio"}. The edge had CPU 0 and one worker, the load CPU 1; load average at the end ${machine.load_average}. ${machine.when}.`;
}

function comparison() {
  const found = load("edge");
  if (found === undefined) return undefined;
  const { settings } = found;
  const parts = found.results.map(({ legs, workload, summary }) => {
    const { base, noise, rows, starved, runs } = summary;
    const name = `${workload}-${legs}`;
    const bars = rows.map((row) => ({ name: row.name, value: row.cost, text: `${fixed(row.cost)} us`, own: row.name === "sluice" }));
    writeFileSync(join(CHARTS, `${name}.svg`), barChart(`CPU per relayed message: ${workload}, ${legs.replace("-", " to ")}`, bars));
    const cells = rows.map((row) => {
      const ratio = row.counts || row.name === base ? fixed(row.ratio) : `(${fixed(row.ratio)})`;
      return [row.name, fixed(row.cost), ratio, fixed(row.rate / 1000, 0), fixed(row.p50, 0), fixed(row.p99, 0), fixed(row.p999, 0), row.lost, row.wrong];
    });
    const busy = starved > 0 ? ` In ${starved} of ${runs} runs other work shared the CPUs: costs and ratios hold, rates and latencies are worse than they would be.` : "";
    return `### ${workload}, ${legs.replace("-", " to ")}

![CPU per relayed message](benchmarks/${name}.svg)

${markdown(["edge", "us CPU / message", `x ${base}`, "kmsg/s", "p50 us", "p99 us", "p99.9 us", "lost", "wrong"], cells)}

Noise: ${fixed(100 * noise, 1)} %.${busy}`;
  });
  return `## CPU per relayed message

${command(found)}; ${settings.flows} flows, ${settings.size} octets, window ${settings.window}, ${settings.rounds} rounds of ${settings.seconds} s.

${parts.join("\n\n")}`;
}

function layers() {
  const found = load("layers");
  if (found === undefined) return undefined;
  const { rows, noise, held, handshake, settings } = found;
  const bars = rows.map(({ layer, cost }) => ({ name: layer, value: cost, text: `${fixed(cost)} us`, own: true }));
  writeFileSync(join(CHARTS, "layers.svg"), barChart("CPU per message by layer, UDP core", bars));
  const cells = rows.map(({ layer, cost, ratio, idle }) => [layer, fixed(cost), fixed(ratio), fixed(idle, 0)]);
  return `## TLS and WebSocket beside TCP

${command(found)}; ${settings.clients} clients of Node's own, so only the ratios say something.

![CPU per message by layer](benchmarks/layers.svg)

${markdown(["layer", "us CPU / message", "x tcp", "octets of an idle flow"], cells)}

Noise: ${fixed(100 * noise, 1)} %. With ${settings.held} idle WSS flows, 1,000 exchanges a second take ${fixed(held.p50)} ms in the median and ${fixed(held.p99)} ms at p99, ${held.lost} lost.
A full TLS 1.3 handshake with ECDSA P-256 costs ${fixed(handshake.edge, 0)} us, that of \`openssl s_server\` ${fixed(handshake.bare, 0)} us: ${fixed(handshake.ratio)} times.`;
}

function keepAlives() {
  const found = load("keepalive");
  if (found === undefined) return undefined;
  const cells = found.results.flatMap(({ legs, summary }) =>
    summary.rows.map((row) => [row.name, legs, fixed(row.cost), fixed(row.rate / 2000, 0), fixed(row.p50, 0), fixed(row.p99, 0), row.lost]),
  );
  return `## Keep-alives

${command(found)}. A ping and its answer are two messages.

${markdown(["edge", "transports", "us CPU / message", "thousand pings / s", "p50 us", "p99 us", "lost"], cells)}`;
}

function storm() {
  const found = load("storm");
  if (found === undefined) return undefined;
  const cells = found.rows.map((row) => [row.name, fixed(row.seconds), fixed(row.cpu), row.lost, row.closed]);
  return `## Reconnect storm

${command(found)}: ${found.settings.flows} clients over ${found.settings.legs.split("-")[0].toUpperCase()} connect, then all register; medians of ${found.settings.rounds} rounds.

${markdown(["edge", "s until all are in", "s of CPU", "lost", "closed"], cells)}`;
}

function memory() {
  const found = load("idle");
  if (found === undefined) return undefined;
  const cells = found.results.flatMap(({ legs, runs }) => runs.filter((run) => !run.again).map((run) => [run.command.split(" ")[0].split("/").at(-1), legs, run.counted_flows, fixed(run.pss_bytes_per_flow, 0)]));
  return `## Memory of an idle flow

${command(found)}. User memory (PSS) that each further flow takes, without the kernel's sockets.

${markdown(["program", "transports", "flows", "octets / flow"], cells)}`;
}

function sizes() {
  const found = load("size");
  if (found === undefined) return undefined;
  const parts = found.results.map(({ legs, rows, fit, octets_per_idle_flow: octets, capacity }) => {
    const cells = rows.map((row) => [row.flows, fixed(row.register), fixed(row.terminate)]);
    return `### ${legs.replace("-", " to ")}

${markdown(["flows", "us / message REGISTER", "us / message to a client"], cells)}

Fit of REGISTER: ${fixed(fit.base)} us + ${fixed(fit.slope, 3)} us for each thousand flows. An idle flow takes ${fixed(octets, 0)} octets of user memory.
One shard at 70 % of its core: ${fixed(capacity.registers, 0)} REGISTER/s or ${fixed(capacity.calls, 0)} calls/s.`;
  });
  return `## Capacity\n\n${command(found)}\n\n${parts.join("\n\n")}`;
}

function heap() {
  const found = load("heap");
  if (found === undefined) return undefined;
  const cells = found.threads.map((thread) => [thread.thread, thread.idle_second, thread.growth, fixed(thread.per_message, 3), thread.collections]);
  return `## JavaScript heap

${command(found)}: ${found.relayed} messages. What grew or shrank in the time is what the threads do without a message (timers, the probe itself).

${markdown(["thread", "octets in an idle second", "octets grown", "octets / message", "collections"], cells)}`;
}

function native() {
  const found = load("native");
  return found === undefined ? undefined : `## The core without sockets\n\n${command(found)}\n\n\`\`\`\n${found.lines.join("\n")}\n\`\`\``;
}

function micro() {
  const found = load("micro");
  if (found === undefined) return undefined;
  const cells = found.rows.map((row) => [row.name, fixed(row.ns, 1), `±${fixed(row.margin, 1)} %`]);
  return `## The policy\n\n${command(found)}\n\n${markdown(["function", "ns / message", "margin"], cells)}`;
}

function configuration() {
  const files = ["common", "stateless", "stateful"].map((name) => {
    const text = readFileSync(join(ROOT, "bench/kamailio", `${name}.cfg`), "utf8").trim();
    return `<details><summary>${name}.cfg</summary>\n\n\`\`\`\n${text}\n\`\`\`\n\n</details>`;
  });
  const run = load("edge")?.results.flatMap(({ runs }) => runs).find((each) => each.name === "kamailio-stateless");
  const line = run === undefined ? "" : `\n\nCommand of the first run: \`${run.command}\`.`;
  return `## Kamailio's configuration\n\n${files.join("\n\n")}${line}`;
}

function command({ command: text, machine }) {
  return `\`${text}\` (load average ${machine.load_average})`;
}

function markdown(header, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
