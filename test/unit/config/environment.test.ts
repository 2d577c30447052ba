/** The file that SLUICE_ENV_FILE names. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readEnvironment } from "../../../src/config/environment.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-environment-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a byte order mark is no part of the first name, and what the process has set counts before the file", () => {
  const file = join(folder, "sluice.env");
  writeFileSync(file, "\uFEFFSLUICE_SHARDS=3\nSLUICE_MAX_FLOWS=7\n");
  expect(readEnvironment({ SLUICE_ENV_FILE: file, SLUICE_MAX_FLOWS: "9" })).toEqual({ SLUICE_ENV_FILE: file, SLUICE_SHARDS: "3", SLUICE_MAX_FLOWS: "9" });
});
