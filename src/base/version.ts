/** The version in package.json. */
import { readFileSync } from "node:fs";

let read: string | undefined;

export function version(): string {
  if (read === undefined) {
    const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    read = typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
  }
  return read;
}
