/** Rewrites docs/benchmarks.md from the available results. */
import { writeDocument } from "./lib/document.mjs";

writeDocument();
