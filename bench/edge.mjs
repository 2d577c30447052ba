/** CPU of an edge for each relayed message: the floor, Kamailio and Sluice in turn, A B A B, in one run. */
import { parseArgs } from "node:util";
import { DEFAULTS, compare, edgesThere, legsThere } from "./lib/compare.mjs";
import { report, summary, title } from "./lib/report.mjs";
import { save } from "./lib/results.mjs";

const text = Object.entries({ ...DEFAULTS, out: "edge" }).map(([name, value]) => [name, { type: "string", default: value }]);
const { values: args } = parseArgs({ options: Object.fromEntries(text) });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const results = await compare({ ...args, legs: legs.join(",") }, edges, (result) => {
  process.stdout.write(`\n${title(result, args)}\n${report(result, edges)}\n`);
});
save(args.out, { settings: args, edges, results: results.map((result) => ({ ...result, summary: summary(result, edges) })) });
