/** What each kind of attack costs an edge: its CPU with the attack beside good traffic, less that of the good traffic alone, for each attack. */
import { DEFAULTS, edgesThere, legsThere, once, optionsOver } from "./lib/compare.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";

const ALL = "noise,cut-head,no-headers,huge-length,negative-length,long-line,bad-register,stray-response,client-hello,bad-upgrade,nothing,forged-token";
const MORE = { udp: ["bad-stun"], tcp: ["cut-upgrade"], ws: ["cut-upgrade", "unmasked-frame", "bad-opcode", "interleaved-frames"], tls: ["cut-upgrade"], wss: ["cut-upgrade"] };
const args = optionsOver({ ...DEFAULTS, edges: "sluice,kamailio-stateless", legs: "udp-udp,tcp-tcp,ws-tcp,tls-tcp,wss-tcp", seconds: "1", warmup: "0", rate: "2000", attacks: "3000", "timeout-ms": "5000", kinds: ALL, out: "hostile-kinds" });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const rows = [];
for (const pair of legs) {
  const kinds = [...args.kinds.split(","), ...(args.kinds === ALL ? MORE[pair.split("-")[0]] : [])];
  for (const kind of kinds) {
    for (const name of edges) {
      // One right after the other: what else the machine does changes.
      const good = await spent(name, pair, "all", "0");
      const { cpu, attacks, p99, lost, letThrough } = await spent(name, pair, kind, args.attacks);
      rows.push({ legs: pair, kind, name, us: (1e6 * (cpu - good.cpu)) / attacks, message: (1e6 * good.cpu) / good.messages, p99, p99Alone: good.p99, lost, letThrough });
    }
  }
  show(rows.filter(({ legs: of }) => of === pair));
}
save(args.out, { settings: args, rows });

async function spent(name, pair, attack, attacks) {
  const figures = await once({ ...args, attack, attacks, workloads: "hostile" }, name, pair, "hostile");
  const { edge_busy: busy, seconds, messages_per_second: rate, attacks: sent, p99_us: p99, lost, let_through: letThrough } = figures;
  return { cpu: busy * seconds, messages: rate * seconds, attacks: sent, p99, lost, letThrough };
}

function show(some) {
  const header = ["attack", "edge", "us / attack", "us / good message", "good p99 us", "p99 alone", "lost", "let through"];
  const cells = some.map((row) => [row.kind, row.name, fixed(row.us, 1), fixed(row.message, 1), fixed(row.p99, 0), fixed(row.p99Alone, 0), row.lost, row.letThrough]);
  process.stdout.write(`\n${some[0]?.legs}: ${args.attacks} attacks beside ${args.rate} good exchanges a second\n${table(header, cells)}\n`);
}
