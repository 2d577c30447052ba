/** Prints how many requirement rows the tests cover; with --missing, those that are neither covered nor excused. */
import { readCompliance, summary, unexplained } from "./lib/compliance.mjs";

const compliance = readCompliance();
process.stdout.write(`${summary(compliance)}\n`);
if (process.argv.includes("--missing")) process.stdout.write(unexplained(compliance).map((id) => `${id}\n`).join(""));
