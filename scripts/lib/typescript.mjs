/** Makes dist/ and build/modules/ of src/ if it has changed (rolldown.config.js). Types are checked by `npm run typecheck` and by `npm test`. */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, mustRun, say } from "./run.mjs";
import { newest } from "./newest.mjs";

/** Holds the time of the newest source that was read. */
const STAMP = join(ROOT, "build/modules/.built");

export function buildTypescript() {
  const sources = newest([...["src", "tsconfig.json", "rolldown.config.js"].map((name) => join(ROOT, name)), join(ROOT, "node_modules/rolldown/package.json")], [".ts", ".json", ".js"]);
  if (existsSync(join(ROOT, "dist/main.js")) && existsSync(STAMP) && readFileSync(STAMP, "utf8") === String(sources)) return;
  say("bundling TypeScript …");
  for (const folder of ["dist", "build/modules"]) rmSync(join(ROOT, folder), { recursive: true, force: true });
  mustRun("the TypeScript build", process.execPath, ["node_modules/rolldown/bin/cli.mjs", "-c", "--logLevel", "warn"], { quiet: true });
  // Users run the command by name even if npm has not installed it.
  chmodSync(join(ROOT, "dist/main.js"), 0o755);
  writeFileSync(STAMP, String(sources));
}

/** Adds what those who embed the program compile against. */
export function declareTypes() {
  mustRun("the TypeScript build", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"]);
}
