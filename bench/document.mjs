/** Writes docs/benchmarks.md anew from the results that are there. */
import { writeDocument } from "./lib/document.mjs";

writeDocument();
