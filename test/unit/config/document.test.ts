import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configurationDocument } from "../../../src/config/document.js";

test("docs/configuration.md matches the table (else: npm run docs)", () => {
  expect(readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8")).toBe(configurationDocument());
});
