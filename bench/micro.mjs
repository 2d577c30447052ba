/** benchmark.js suites for the functions in src/edge that every message passes through, one kind of batch at a time. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Benchmark from "benchmark";
import { ROOT, fail } from "../scripts/lib/run.mjs";
import { fixed, table } from "./lib/figures.mjs";
import { save } from "./lib/results.mjs";

// The bundle in dist/ has no files of single functions.
const MODULES = join(ROOT, "build/modules");
if (!existsSync(join(MODULES, "edge/decide.js"))) fail("Sluice is not built: npm run build");
const bring = (file) => import(pathToFileURL(join(MODULES, file)).href);
const { decide } = await bring("edge/decide.js");
const { walkRoutes } = await bring("edge/route-walk.js");
const { registerTreatment, recordRouting } = await bring("edge/outbound.js");
const { Const, ContactFlag, Hop, Method, OptionFlag, RecordField, RouteKind, RouteFlag } = await bring("native/layout.js");

const BATCH = 64;
const rules = { outbound: "auto", flowTimer: 0, draining: false, isReplaced: false };
const verdicts = new Int32Array(BATCH * Const.verdictFields);

/** A batch of equal records: these fields set, everything else as in a client's first request over UDP. */
function batch(fields) {
  const records = new Int32Array(BATCH * Const.recordFields);
  const whole = { viaCount: 1, maxForwards: 70, answerable: 1, nextRoute: Hop.none, uriHop: Hop.foreign, nextRouteTarget: -1, uriTarget: -1, flowTimer: -1, ...fields };
  for (let item = 0; item < BATCH; ++item) {
    for (const [name, value] of Object.entries(whole)) records[item * Const.recordFields + RecordField[name]] = value;
  }
  return records;
}

const register = batch({
  method: Method.register,
  contact: ContactFlag.regId | ContactFlag.instance | ContactFlag.ob,
  contactCount: 1,
  options: OptionFlag.supportedOutbound | OptionFlag.supportedPath,
});
const along = { fromCore: 1, routeCount: 2, ownRoutes: 2, hasToTag: 0, route0: RouteKind.alive | RouteFlag.coreSide, route1: RouteKind.alive | RouteFlag.pair };
const incoming = batch({ method: Method.invite, ...along });
const outgoing = batch({ method: Method.invite, contact: ContactFlag.ob, contactCount: 1 });
const response = batch({ isResponse: 1, method: Method.register, status: 200, fromCore: 1, toClient: 1, viaCount: 2 });

let kept = 0;
const cases = {
  "decide: REGISTER": () => decide(register, verdicts, BATCH, rules),
  "decide: INVITE along a token": () => decide(incoming, verdicts, BATCH, rules),
  "decide: INVITE of a client": () => decide(outgoing, verdicts, BATCH, rules),
  "decide: 200 to REGISTER": () => decide(response, verdicts, BATCH, rules),
  "route walk: a pair of tokens": () => {
    for (let item = 0; item < BATCH; ++item) walkRoutes(incoming, item * Const.recordFields);
  },
  "treatment of a REGISTER": () => {
    for (let item = 0; item < BATCH; ++item) kept += registerTreatment(register, item * Const.recordFields, "auto", false);
  },
  "Record-Route or none": () => {
    for (let item = 0; item < BATCH; ++item) kept += recordRouting(outgoing, item * Const.recordFields, "auto", false, false);
  },
};

const rows = [];
const suite = new Benchmark.Suite();
for (const [name, work] of Object.entries(cases)) suite.add(name, work, { minSamples: 40, maxTime: 2 });
suite.on("error", ({ target }) => fail(`${target.name}: ${target.error.message}`));
suite.on("cycle", ({ target }) => rows.push({ name: target.name, ns: 1e9 / target.hz / BATCH, margin: target.stats.rme }));
suite.run();
if (kept === 0) fail("the suites did nothing");
const cells = rows.map(({ name, ns, margin }) => [name, fixed(ns, 1), `+-${fixed(margin, 1)} %`]);
process.stdout.write(`${table(["function", "ns/message", "margin"], cells)}\n`);
save("micro", { rows });
