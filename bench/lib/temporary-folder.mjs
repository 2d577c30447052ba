/** Folders for what a server under measurement stores. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OUT } from "./tools.mjs";

const folders = [];
process.once("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder that is deleted when the benchmark ends. */
export function temporaryFolder() {
  // On the project's disk, not in memory, because commits are measured.
  mkdirSync(OUT, { recursive: true });
  const folder = mkdtempSync(join(OUT, "store-"));
  folders.push(folder);
  return folder;
}
