/** CPU per relayed message of an edge: the floor, Kamailio and Sluice alternating, A B A B, in one run. */
import { DEFAULTS, compare, edgesThere, legsThere, optionsOver } from "./lib/compare.mjs";
import { report, summary, title } from "./lib/report.mjs";
import { save } from "./lib/results.mjs";

const args = optionsOver({ ...DEFAULTS, out: "edge" });
const legs = legsThere(args.legs);
const edges = edgesThere(args.edges, legs);
const results = await compare({ ...args, legs: legs.join(",") }, edges, (result) => {
  process.stdout.write(`\n${title(result, args)}\n${report(result, edges)}\n`);
});
save(args.out, { settings: args, edges, results: results.map((result) => ({ ...result, summary: summary(result, edges) })) });
