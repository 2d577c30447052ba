/** docs/benchmarks.md and its charts, from the results in build/bench: written by the suite, never edited by hand. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/run.mjs";
import { comparison, held, hostile, keepAlives, memory, mixed, rates, storm, workers } from "./comparisons.mjs";
import { attacks, flows, lows, shares } from "./edge-chapters.mjs";
import { fixed } from "./figures.mjs";
import { CHARTS, DOCS, command, folded, legsText, markdown } from "./markdown.mjs";
import { registrars } from "./registrar-rows.mjs";
import { load } from "./results.mjs";

const FILE = join(DOCS, "benchmarks.md");
/** In this order; the first one has no heading. */
const CHAPTERS = [
  ["", head],
  ["CPU per relayed message", comparison],
  ["From one request to saturation", lows],
  ["Many active flows", flows],
  ["What each shard gets", shares],
  ["Registrar", registrars],
  ["Two shards against two workers", workers],
  ["Highest rate", rates],
  ["Reconnect storm", storm],
  ["Memory of an idle flow", memory],
  ["Keep-alives", keepAlives],
  ["A day's mixture", mixed],
  ["Beside attacks", hostile],
  ["Attacks, one by one", attacks],
  ["Many idle flows", held],
  ["Capacity", sizes],
  ["JavaScript heap", heap],
  ["The core without sockets", native],
  ["The policy", micro],
  ["Kamailio's configuration", configuration],
];

/** A chapter without results in build/bench stays as it is. */
export function writeDocument() {
  mkdirSync(CHARTS, { recursive: true });
  const before = chaptersOf(readFileSync(FILE, "utf8"));
  const text = CHAPTERS.flatMap(([heading, make]) => make() ?? before.get(heading) ?? []).join("\n\n");
  writeFileSync(FILE, `${text}\n`);
  for (const chart of readdirSync(CHARTS)) if (!text.includes(`benchmarks/${chart}`)) rmSync(join(CHARTS, chart));
  process.stdout.write("docs/benchmarks.md\n");
}

/** By heading; "": what stands before the first one. */
export function chaptersOf(text) {
  return new Map(text.split(/^(?=## )/m).map((chapter) => [/^## (.*)$/m.exec(chapter.startsWith("## ") ? chapter : "")?.[1] ?? "", chapter.trimEnd()]));
}

function head() {
  const { machine } = load("edge") ?? load("micro") ?? {};
  if (machine === undefined) return undefined;
  return `# Benchmarks

<!-- Made by \`npm run bench -- quick\` or \`full\`: do not edit. -->

[bench/README.md](../bench/README.md) says what is counted and how the edges are set up. Ratios are taken within a round, and medians over
the rounds. The first edge runs twice in each round; the difference between its two runs is the noise, and a ratio in brackets is within it.

Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, Linux ${machine.kernel}, Node ${machine.node}, ${machine.compiler},
${machine.kamailio ?? "no Kamailio"}. Unless stated otherwise, the edge had CPU 0 and one worker, and the load had CPU 1; load average at the end ${machine.load_average}. ${machine.when}.`;
}

function sizes() {
  const found = load("size");
  if (found === undefined) return undefined;
  const parts = found.results.map(({ legs, rows, fit, octets_per_idle_flow: octets, capacity }) => {
    const cells = rows.map((row) => [row.flows, fixed(row.register), fixed(row.terminate), fixed(row.call)]);
    return `### ${legsText(legs)}

${markdown(["flows", "us / message REGISTER", "us / message to a client", "us / message of a call"], cells)}

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

${command(found)}: ${found.relayed} messages. An idle second shows what the threads allocate without a message (timers, the probe itself).

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
  const found = load("edge");
  if (found === undefined) return undefined;
  const files = ["common", "stateless", "stateful", "registrar"].map((name) => {
    const text = readFileSync(join(ROOT, "bench/kamailio", `${name}.cfg`), "utf8").trim();
    return folded(`${name}.cfg`, `\`\`\`\n${text}\n\`\`\``);
  });
  const run = found.results.flatMap(({ runs }) => runs).find((each) => each.name === "kamailio-stateless");
  const line = run === undefined ? "" : `\n\nCommand of the first run: \`${run.command}\`.`;
  return `## Kamailio's configuration\n\n${files.join("\n\n")}${line}`;
}
