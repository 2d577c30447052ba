/** `npm run demo`: an edge, a registrar and two phones on loopback; with `--once` it exits by itself. */
import { prepare } from "./lib/prepare.mjs";
import { become } from "./lib/run.mjs";

prepare();
become(process.execPath, ["dist/demo.js", ...process.argv.slice(2)]);
