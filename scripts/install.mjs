/** What npm runs when it installs the package: nothing where the addon that came with it loads, else the build from source. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { buildNative } from "./lib/native.mjs";
import { ROOT, say } from "./lib/run.mjs";

// A checkout is built by `npm start`, `npm test` and `npm run build`.
const isPackage = !existsSync(join(ROOT, "src/main.ts")) && existsSync(join(ROOT, "native/sources.txt"));
if (isPackage) {
  checkNode();
  checkPlatform();
  if (!loads(join(ROOT, `prebuilds/${process.platform}-${process.arch}/sluice.node`))) {
    say(`no addon for this machine (${process.platform}, ${process.arch}) is in the package, so it is built`);
    // npm brings node-gyp along.
    buildNative({ gyp: true });
  }
}

function loads(path) {
  try {
    createRequire(import.meta.url)(path);
    return true;
  } catch {
    return false;
  }
}
