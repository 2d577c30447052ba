/** Compiles src/ to dist/ if it has changed. */
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { ROOT, mustRun, say } from "./run.mjs";
import { newest, timeOf } from "./newest.mjs";

export function buildTypescript() {
  const sources = newest([join(ROOT, "src"), join(ROOT, "tsconfig.json"), join(ROOT, "tsconfig.build.json")], [".ts", ".json"]);
  if (timeOf(join(ROOT, "dist/.tsbuildinfo")) >= sources) return;
  say("compiling TypeScript …");
  mustRun("the TypeScript build", process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"]);
  // Users run the command by name even if npm has not installed it.
  chmodSync(join(ROOT, "dist/main.js"), 0o755);
}
