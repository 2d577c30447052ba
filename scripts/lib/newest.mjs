/** Compares file times, so that nothing is built twice. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** The newest modification time among files and whole folders, in milliseconds; 0: none exists. */
export function newest(paths, suffixes = [""]) {
  let time = 0;
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      // A folder's own time reveals removed and renamed files.
      time = Math.max(time, stat.mtimeMs, newest(readdirSync(path).map((name) => join(path, name)), suffixes));
    } else if (suffixes.some((suffix) => path.endsWith(suffix))) {
      time = Math.max(time, stat.mtimeMs);
    }
  }
  return time;
}

export function timeOf(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
