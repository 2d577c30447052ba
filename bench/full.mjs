/** Everything in docs/benchmarks.md, in under thirty minutes. After each part, roughly how many minutes it takes. */
import { bench } from "./lib/part.mjs";
import { writeDocument } from "./lib/document.mjs";

const KAMAILIO = "kamailio-stateless,kamailio-stateful";
const STREAMS = "tcp-tcp,ws-tcp,tls-tcp,wss-tcp";

bench("native");
bench("micro"); // 1
bench("edge", "--rounds", "2", "--seconds", "0.6", "--warmup", "0.2"); // 9
bench("edge", "--workers", "2", "--sleep", "1", "--rounds", "1", "--seconds", "1", "--workloads", "register,call", "--legs", "udp-udp,tcp-tcp", "--edges", `sluice,${KAMAILIO}`, "--out", "workers"); // 1
bench("rate", "--rounds", "1"); // 4
bench("edge", "--workloads", "idle", "--legs", `udp-udp,${STREAMS}`, "--flows", "5000", "--rounds", "1", "--out", "idle", "--edges", `sluice,${KAMAILIO}`); // 2
bench("storm", "--rounds", "1"); // 2
// Open loop, at rates that every edge should sustain; Sluice answers at most ten pings per second on a flow.
const open = ["--rounds", "1", "--seconds", "2", "--warmup", "0.5", "--edges", `sluice,${KAMAILIO}`];
bench("edge", "--workloads", "keepalive", "--legs", "udp-udp,tcp-tcp,ws-tcp", "--flows", "15000", "--rate", "30000", ...open, "--out", "keepalive"); // 1
bench("edge", "--workloads", "mixed", "--legs", "udp-udp,tcp-tcp,wss-tcp", "--flows", "10000", "--rate", "10000", ...open, "--out", "mixed"); // 1.5
bench("edge", "--workloads", "hostile", "--legs", `udp-udp,${STREAMS}`, "--rate", "4000", "--timeout-ms", "5000", ...open, "--out", "hostile"); // 1.5
bench("edge", "--workloads", "originate", "--legs", "wss-tcp", "--flows", "10000", "--rate", "1000", ...open, "--out", "held"); // 1
bench("heap"); // 0.5
bench("size", "--rounds", "1", "--seconds", "1"); // 1.5
bench("registrar", "--seconds", "2", "--rounds", "2"); // 4
bench("registrar", "--flows", "3", "--devices", "3", "--aors", "5000", "--digests", "none", "--workloads", "first,message,invite", "--seconds", "2", "--rounds", "2", "--out", "registrar-forks"); // 1
bench("registrar", "--search", "1", "--digests", "none,md5", "--workloads", "first,refresh,message", "--seconds", "1", "--rounds", "1", "--out", "registrar-rate"); // 2
writeDocument();
