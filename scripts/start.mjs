/** `npm start`: installs and builds what is missing, then runs Sluice with the settings in the environment. */
import { prepare } from "./lib/prepare.mjs";
import { become } from "./lib/run.mjs";

prepare();
become(process.execPath, ["dist/main.js", ...process.argv.slice(2)]);
