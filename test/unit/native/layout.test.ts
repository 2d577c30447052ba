/** The generated numbers agree with native/core/base/layout.def. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { LAYOUT_TS, layoutText } from "../../../scripts/lib/layout.mjs";

test("src/native/layout.ts matches layout.def (else: npm run build)", () => {
  expect(readFileSync(LAYOUT_TS, "utf8")).toBe(layoutText());
});

test("bits of a group become masks, values stay, and every other group is numbered from 0", () => {
  const text = layoutText(
    [
      "#define SLUICE_EDIT(name, bit)",
      "#define SLUICE_CONST(name, value)",
      "#define SLUICE_SCAN_ERROR(name, status, reason)",
      "SLUICE_EDIT(path_ob, 3) // prose, with (parentheses)",
      "SLUICE_CONST(batch_size, 64)",
      'SLUICE_SCAN_ERROR(none, 0, "")',
      'SLUICE_SCAN_ERROR(bad_via, 400, "Bad, (very) bad Via")',
    ].join("\n"),
  );
  expect(text).toContain("pathOb: 8,");
  expect(text).toContain("batchSize: 64,");
  expect(text).toContain("badVia: 1,");
  expect(text).toContain("scanErrorStatus: readonly number[] = [\n  0,\n  400,\n]");
  expect(text).toContain('"Bad, (very) bad Via",');
});

test("a duplicate name in a group is refused", () => {
  expect(() => layoutText("#define SLUICE_EVENT(name)\nSLUICE_EVENT(up)\nSLUICE_EVENT(up)\n")).toThrow("up twice");
});

test("a row of an undeclared group is refused", () => {
  expect(() => layoutText("SLUICE_EVENT(up)\n")).toThrow("no group");
});
