/**
 * What `npm run build` makes of src/. `dist/` is the program, in few files: a process and each of its shards read them all before they start.
 * `build/modules/` has a file for each module, for benchmarks and scripts.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "rolldown";

const SRC = join(import.meta.dirname, "src");
const DIST = join(import.meta.dirname, "dist");

const common = {
  platform: "node",
  // Packages stay outside: users get those that npm installs.
  external: /^[^./]/,
  resolve: { extensionAlias: { ".js": [".ts"] } },
};

/** What each command needs before it can ask a server, in one file: it takes longer to find many. */
const COMMAND = [{ name: "command", test: /\/src\/cli\/(?:run-command|client|options|output)\.ts$/ }];

/** What several of the parts have in common that a shard loads when it needs them: the rules of edges and homes, and how addresses are written. */
const SHARD = [
  { name: "rules", test: /\/src\/edge\/(?:decide-[^/]*|route-walk|verdicts)\.ts$/ },
  { name: "addresses", test: /\/(?:host-port|redis-url)\.ts$/ },
];

/** One entry, with parts that it loads only when it needs them. A file may be in the parts of several entries, which never meet in one thread. */
function program(name, entry, groups = []) {
  const output = { dir: DIST, format: "esm", sourcemap: true, entryFileNames: "[name].js", chunkFileNames: `${name}/[name].js`, codeSplitting: { groups } };
  return { ...common, input: { [name]: join(SRC, entry) }, output };
}

const modules = readdirSync(SRC, { recursive: true }).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));

export default defineConfig([
  program("main", "main.ts", COMMAND),
  program("index", "index.ts"),
  program("shard", "shard/worker.ts", SHARD),
  program("read-lmdb", "location/read-lmdb.ts"),
  program("demo", "demo/main.ts"),
  {
    ...common,
    input: Object.fromEntries(modules.map((name) => [name.slice(0, -".ts".length), join(SRC, name)])),
    output: { dir: join(import.meta.dirname, "build/modules"), format: "esm", preserveModules: true, preserveModulesRoot: SRC, entryFileNames: "[name].js" },
  },
]);
