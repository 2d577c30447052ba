/** `npm run build` and `npm run build:native`, the latter using node-gyp with `--gyp`. Regenerates the generated sources first. */
import { checkNode, checkPlatform } from "./lib/check.mjs";
import { install } from "./lib/install.mjs";
import { writeLayout } from "./lib/layout.mjs";
import { buildNative, buildNativeInSteps } from "./lib/native.mjs";
import { buildTypescript } from "./lib/typescript.mjs";

const words = process.argv.slice(2);
checkNode();
checkPlatform();
install();
writeLayout();
if (words.includes("--gyp")) buildNative({ what: "all", gyp: true });
else await buildNativeInSteps();
if (!words.includes("native")) buildTypescript();
