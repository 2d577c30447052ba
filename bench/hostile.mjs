/**
 * What each kind of attack costs an edge: its CPU with the attack beside good traffic, less that of the good traffic alone before and after it, for each
 * attack. An edge is started once for all kinds and works for some seconds before the first one: p99 is not to be that of a process that has just started.
 */
import { DEFAULTS, edgesThere, legsThere, optionsOver, runs } from "./lib/compare.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";

const ALL = "noise,cut-head,no-headers,huge-length,negative-length,long-line,bad-register,stray-response,client-hello,bad-upgrade,nothing,forged-token";
const MORE = { udp: ["bad-stun"], tcp: ["cut-upgrade"], ws: ["cut-upgrade", "unmasked-frame", "bad-opcode", "interleaved-frames"], tls: ["cut-upgrade"], wss: ["cut-upgrade"] };
const args = optionsOver({ ...DEFAULTS, edges: "sluice,kamailio-stateless", legs: "udp-udp,tcp-tcp,ws-tcp,tls-tcp,wss-tcp", seconds: "1", warmup: "0.3", settle: "12", "good-first": "4", rate: "2000", attacks: "3000", "timeout-ms": "5000", kinds: ALL, out: "hostile-kinds" });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const rows = [];
for (const pair of legs) {
  const kinds = [...args.kinds.split(","), ...(args.kinds === ALL ? MORE[pair.split("-")[0]] : [])];
  for (const name of edges) rows.push(...(await costs(name, pair, kinds)));
  show(rows.filter(({ legs: of }) => of === pair), kinds);
}
save(args.out, { settings: args, rows });

/** One row for each kind. */
async function costs(name, pair, kinds) {
  const first = Array.from({ length: Number(args["good-first"]) }, () => "good");
  const workloads = [...first, "good", ...kinds.flatMap((kind) => [`hostile:${kind}`, "good"])];
  const phases = await runs(args, name, pair, workloads.join(","));
  if (phases.length < workloads.length) return [];
  return kinds.map((kind, at) => {
    const [before, beside, after] = phases.slice(first.length + 2 * at, first.length + 2 * at + 3);
    const { attacks, p99_us: p99, lost, let_through: letThrough } = beside;
    const message = (before.edge_cpu_us_per_message + after.edge_cpu_us_per_message) / 2;
    const us = (1e6 * beside.edge_busy * beside.seconds - message * beside.messages_per_second * beside.seconds) / attacks;
    return { legs: pair, kind, name, us, message, p99, p99Alone: (before.p99_us + after.p99_us) / 2, lost, letThrough };
  });
}

function show(some, kinds) {
  const header = ["attack", "edge", "us / attack", "us / good message", "good p99 us", "p99 alone", "lost", "let through"];
  const inTurn = kinds.flatMap((kind) => some.filter((row) => row.kind === kind));
  const cells = inTurn.map((row) => [row.kind, row.name, fixed(row.us, 1), fixed(row.message, 1), fixed(row.p99, 0), fixed(row.p99Alone, 0), row.lost, row.letThrough]);
  process.stdout.write(`\n${some[0]?.legs}: ${args.attacks} attacks beside ${args.rate} good exchanges a second\n${table(header, cells)}\n`);
}
