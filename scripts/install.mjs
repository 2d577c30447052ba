/** npm runs this when it installs the package: nothing to do if the packaged addon loads, else it builds from source. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { buildNative } from "./lib/native.mjs";
import { ROOT, say } from "./lib/run.mjs";

// `npm start`, `npm test` and `npm run build` build a checkout.
const isPackage = !existsSync(join(ROOT, "src/main.ts")) && existsSync(join(ROOT, "native/sources.txt"));
if (isPackage) {
  checkNode();
  checkPlatform();
  if (!loads(join(ROOT, `prebuilds/${process.platform}-${process.arch}/sluice.node`))) {
    say(`the package contains no addon for this machine (${process.platform}, ${process.arch}); building it`);
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
