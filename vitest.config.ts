/** The kinds of test, a folder each, two files at a time. */
import { defineConfig } from "vitest/config";

// A slow machine or a sanitizer build multiplies every deadline, so that no test measures the machine.
const patience = Number(process.env["TEST_PATIENCE"] ?? "1");
const onCi = process.env["CI"] !== undefined;

function project(name: string, seconds: number, retry = 0): object {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: seconds * 1000 * patience,
      hookTimeout: 30_000 * patience,
      pool: "forks",
      retry,
      expect: { poll: { timeout: 10_000 * patience } },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project("unit", 10),
      // A second chance on CI until they have been seen to need none; test/support/closing.ts prints each one that was taken.
      project("conformance", 60, onCi ? 1 : 0),
      project("integration", 60, onCi ? 1 : 0),
      // For `npm run fuzz`, which says how long.
      project("fuzz", 60),
      // Other people's phones take part.
      project("interop", 120, onCi ? 1 : 0),
    ],
    maxWorkers: 2,
    reporters: [onCi ? ["default", { summary: false }] : "default", "./test/support/closing.ts"],
  },
});
