/** In under thirty minutes: all that docs/benchmarks.md tells. */
import { bench } from "./lib/part.mjs";
import { writeDocument } from "./lib/document.mjs";

bench("native");
bench("micro");
bench("edge", "--rounds", "5", "--seconds", "2");
bench("edge", "--workloads", "idle", "--legs", "udp-udp,tcp-tcp", "--flows", "10000", "--rounds", "1", "--out", "idle", "--edges", "sluice,kamailio-stateless,kamailio-stateful");
bench("layers");
bench("storm");
// Open loop, at four pings a second of each flow: Sluice answers no flow that pings more than ten times a second.
bench("edge", "--workloads", "keepalive", "--legs", "tcp-tcp", "--edges", "sluice,kamailio-stateless", "--flows", "15000", "--rate", "60000", "--rounds", "2", "--out", "keepalive");
bench("heap");
bench("size");
writeDocument();
