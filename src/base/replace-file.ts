/** Small files of the process that must never be half written. */
import { renameSync, writeFileSync } from "node:fs";

/** A crash leaves the old file or the new one, which only the user of the process can read. Throws what the file system reports. */
export function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}
