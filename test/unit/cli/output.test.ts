import { expect, onTestFinished, test, vi } from "vitest";
import { complain } from "../../../src/cli/output.js";

test("what a server has said commands no terminal, on standard error either", () => {
  const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  onTestFinished(() => written.mockRestore());
  complain("node 2: refuses: \u001b[31mred\u001b]0;title\u0007\nanother line");
  expect(written.mock.calls).toEqual([["sluice: node 2: refuses: \\u001b[31mred\\u001b]0;title\\u0007\nanother line\n"]]);
});
