/**
 * The kinds of test, a folder each. Tests mostly wait, for timers and for other processes, so more files run at a time than there are cores;
 * what measures a time comes after them, one file at a time.
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

// A slow machine or a sanitizer build multiplies every deadline, so that no test measures the machine.
const patience = Number(process.env["TEST_PATIENCE"] ?? "1");
const onCi = process.env["CI"] !== undefined;

function project(name: string, seconds: number, { retry = 0, alone = false } = {}): object {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: seconds * 1000 * patience,
      hookTimeout: 30_000 * patience,
      pool: "forks",
      retry,
      ...(alone ? { fileParallelism: false, sequence: { groupOrder: 1 } } : {}),
      expect: { poll: { timeout: 10_000 * patience } },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project("unit", 10),
      project("conformance", 60),
      project("integration", 60),
      // For `npm run fuzz`, which says how long.
      project("fuzz", 60),
      // Other people's phones take part, so CI gives a second chance; test/support/closing.ts prints each one that was taken.
      project("interop", 120, { retry: onCi ? 1 : 0 }),
      project("measured", 60, { alone: true }),
    ],
    maxWorkers: Math.min(8, 2 * availableParallelism()),
    reporters: [onCi ? ["default", { summary: false }] : "default", "./test/support/closing.ts"],
  },
});
