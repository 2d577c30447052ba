/** `npm run docs`: writes the documents that are generated from the code and the tests. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DOCUMENTS } from "./lib/documents.mjs";
import { install } from "./lib/install.mjs";
import { ROOT } from "./lib/run.mjs";
import { buildTypescript } from "./lib/typescript.mjs";

install();
buildTypescript();
const { configurationDocument } = await import("../build/modules/config/document.js");
writeFileSync(join(ROOT, "docs/configuration.md"), configurationDocument());
const { metricsDocument } = await import("../build/modules/admin/metric-document.js");
writeFileSync(join(ROOT, "docs/operate/metrics.md"), metricsDocument());
for (const [path, made] of DOCUMENTS) writeFileSync(path, made());
