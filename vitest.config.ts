/** The four kinds of test, a folder each: unit and conformance run side by side, integration and interop one file at a time. */
import { defineConfig } from "vitest/config";

// A slow machine or a sanitizer build multiplies every deadline, so that no test measures the machine.
const patience = Number(process.env["TEST_PATIENCE"] ?? "1");
const onCi = process.env["CI"] !== undefined;

function project(name: string, seconds: number, serial: boolean): object {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: seconds * 1000 * patience,
      hookTimeout: 30_000 * patience,
      pool: "forks",
      fileParallelism: !serial,
      // Those that run programs and hold ports of a machine they share get a second chance there, and the report names them.
      retry: name !== "unit" && onCi ? 1 : 0,
      expect: { poll: { timeout: 10_000 * patience } },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project("unit", 10, false),
      project("conformance", 60, false),
      project("integration", 60, true),
      project("interop", 120, true),
    ],
    maxWorkers: 2,
    reporters: onCi ? [["default", { summary: false }]] : ["default"],
  },
});
