/** Takes the pictures of the dashboard in docs/images: node scripts/pictures.mjs. Look at them afterwards. */
import { run } from "./lib/run.mjs";

process.env.SLUICE_PICTURES = "docs/images";
run("node_modules/.bin/vitest", ["run", "--project", "services", "test/services/dashboard-access.test.ts"]);
