/** Compares times of files, so that nothing is built that is already there. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** The newest modification time among files and whole folders, in milliseconds; 0 when none is there. */
export function newest(paths, suffixes = [""]) {
  let time = 0;
  for (const path of paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      // A folder's own time tells of files that were removed or renamed.
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
