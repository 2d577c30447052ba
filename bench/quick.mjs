/** In under two minutes: every installed edge over every transport, two workloads, one round; then writes docs/benchmarks.md. */
import { bench } from "./lib/part.mjs";
import { writeDocument } from "./lib/document.mjs";

const legs = "udp-udp,tcp-tcp,ws-tcp,tls-tcp,wss-tcp";
bench("edge", "--rounds", "1", "--seconds", "0.6", "--warmup", "0.2", "--workloads", "register,call", "--legs", legs);
writeDocument();
