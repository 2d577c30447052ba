import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { metricsDocument } from "../../../src/admin/metric-document.js";

test("docs/operate/metrics.md matches the table (else: npm run docs)", () => {
  expect(readFileSync(new URL("../../../docs/operate/metrics.md", import.meta.url), "utf8")).toBe(metricsDocument());
});
