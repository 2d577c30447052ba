/** Prints the lines of a list such as native/sources.txt for binding.gyp: node scripts/list-sources.mjs sources.txt core/ */
import { readFileSync } from "node:fs";

const [list, prefix = ""] = process.argv.slice(2);
const lines = readFileSync(new URL(`../native/${list}`, import.meta.url), "utf8").split("\n");
for (const line of lines) {
  if (line !== "" && !line.startsWith("#") && line.startsWith(prefix)) process.stdout.write(`native/${line}\n`);
}
