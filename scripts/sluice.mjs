/** `npm run sluice -- COMMAND`: runs the `sluice` command of a working copy. */
import { prepare } from "./lib/prepare.mjs";
import { become } from "./lib/run.mjs";

prepare();
become(process.execPath, ["dist/main.js", ...process.argv.slice(2)]);
