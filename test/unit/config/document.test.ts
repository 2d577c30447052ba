import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configurationDocument } from "../../../src/config/document.js";

test("docs/configuration.md is what the table says (else: npm run docs)", () => {
  expect(readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8")).toBe(configurationDocument());
});
