/** The version in package.json. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PACKAGE_FOLDER } from "./package-folder.js";

let read: string | undefined;

export function version(): string {
  if (read === undefined) {
    const manifest: unknown = JSON.parse(readFileSync(join(PACKAGE_FOLDER, "package.json"), "utf8"));
    read = typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
  }
  return read;
}
