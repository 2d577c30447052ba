/** In under two minutes: every edge that is installed, two workloads, one round, and docs/benchmarks.md from it. */
import { bench } from "./lib/part.mjs";
import { writeDocument } from "./lib/document.mjs";

bench("edge", "--rounds", "1", "--seconds", "1", "--warmup", "0.5", "--workloads", "register,terminate");
writeDocument();
