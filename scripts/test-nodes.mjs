/** `npm run test:nodes`: runs the whole suite on the Node versions other than the oldest supported one, each from its npm package. */
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, fail, mustRun, outputOf, run, say } from "./lib/run.mjs";

const versions = process.argv.slice(2);
if (versions.length === 0) versions.push("22", "24");

prepare({ what: "all" });
const failed = versions.filter((version) => {
  const binary = fetchNode(version);
  say(`testing on Node ${outputOf(binary, ["--version"])} …`);
  // The addon uses Node-API, so it need not be rebuilt.
  return run(binary, ["scripts/test.mjs"], { env: { PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` } }) !== 0;
});
if (failed.length > 0) fail(`failed on Node ${failed.join(", ")}`);
say(`passed on Node ${versions.join(", ")}`);

/** The npm package `node` is a small one that depends on the platform's package with the binary. */
function fetchNode(version) {
  const folder = join(ROOT, "build/nodes", version);
  const name = `node-${process.platform}-${process.arch === "x64" ? "x64" : process.arch}`;
  const binary = join(folder, "node_modules", name, "bin/node");
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  const line = outputOf("npm", ["view", `node@${version}`, "version", "--json"]) ?? fail(`the registry has no node@${version}`);
  const newest = [JSON.parse(line)].flat().sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  mustRun(`npm install ${name}@${newest}`, "npm", ["install", "--prefix", folder, "--no-save", "--ignore-scripts", "--loglevel=error", `${name}@${newest}`]);
  if (!existsSync(binary)) fail(`the package ${name}@${newest} contains no bin/node`);
  return binary;
}
