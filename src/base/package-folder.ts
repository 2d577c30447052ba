/** The folder of package.json, below which everything else in the package is found, whichever file this module has become a part of. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

export const PACKAGE_FOLDER = folderFrom(import.meta.dirname);

function folderFrom(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  if (folder === dirname(folder)) throw new Error(`there is no package.json above ${import.meta.dirname}`);
  return folderFrom(dirname(folder));
}
