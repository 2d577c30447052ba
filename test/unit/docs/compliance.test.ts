/** docs/compliance.md agrees with the tests, and every row has a test or a reason. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMPLIANCE_MD, complianceDocument, excusedInVain, namesIn, readCompliance, unexplained } from "../../../scripts/lib/compliance.mjs";

test("docs/compliance.md matches the tests (else: npm run docs)", () => {
  expect(readFileSync(COMPLIANCE_MD, "utf8")).toBe(complianceDocument());
});

test("every row is covered by a test or has a reason in docs/not-yet.tsv", () => {
  expect(unexplained(readCompliance())).toEqual([]);
});

test("no test and no reason names a row that does not exist", () => {
  expect(readCompliance().unknown).toEqual([]);
});

test("no row covered by a test is excused", () => {
  expect(excusedInVain(readCompliance())).toEqual([]);
});

test("names are found in TypeScript, C++ and conformance documents", () => {
  const quote = '"';
  expect(namesIn("a.test.ts", `test(${quote}XX-1 XX-2 told${quote}); it(${quote}no row${quote}); [${quote}XX-3${quote}]`)).toEqual(["XX-1 XX-2 told"]);
  expect(namesIn("a_test.cc", `TEST(${quote}XX-4 said \\"so\\"${quote}) {}`)).toEqual(['XX-4 said \\"so\\"']);
  expect(namesIn("a.md", "# XX-5 title\n\n## XX-6 case\n")).toEqual(["XX-6 case"]);
});
