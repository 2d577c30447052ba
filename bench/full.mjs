/** In under thirty minutes: all that docs/benchmarks.md tells. */
import { bench } from "./lib/part.mjs";
import { writeDocument } from "./lib/document.mjs";

bench("native");
bench("micro");
bench("edge", "--rounds", "5", "--seconds", "2");
bench("edge", "--workloads", "idle", "--legs", "udp-udp,tcp-tcp", "--flows", "10000", "--rounds", "1", "--out", "idle", "--edges", "sluice,kamailio-stateless,kamailio-stateful");
bench("heap");
bench("size");
writeDocument();
