/** Installs the npm packages if they are missing or older than the lock file. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT, mustRun, say } from "./run.mjs";
import { timeOf } from "./newest.mjs";

export function install() {
  const lock = join(ROOT, "package-lock.json");
  // npm writes this file last, so an interrupted installation is repeated.
  const installed = join(ROOT, "node_modules/.package-lock.json");
  if (existsSync(installed) && timeOf(installed) >= timeOf(lock)) return;
  say("installing the npm packages …");
  mustRun("npm ci", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}
