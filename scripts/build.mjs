/**
 * `npm run build` and `npm run build:native`, the latter using node-gyp with `--gyp`. Regenerates the generated sources first. `modules` leaves
 * core_test out, so that `npm test` can start before it is compiled.
 */
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { install } from "./lib/install.mjs";
import { writeLayout } from "./lib/layout.mjs";
import { buildNative } from "./lib/native.mjs";
import { buildTypescript } from "./lib/typescript.mjs";

const words = process.argv.slice(2);
checkNode();
checkPlatform();
install();
writeLayout();
buildNative({ what: words.includes("modules") ? "modules" : "all", gyp: words.includes("--gyp") });
if (!words.includes("native")) buildTypescript();
