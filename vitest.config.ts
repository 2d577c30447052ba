/** The kinds of test, a folder each, six files at a time. Other people's phones come after our own tests, and what measures a time comes last, one file at a time. */
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// A slow machine or a sanitizer build multiplies every deadline, so that no test measures the machine.
const patience = Number(process.env["TEST_PATIENCE"] ?? "1");
const onCi = process.env["CI"] !== undefined;

function project(name: string, seconds: number, { alone = false, group = 0 } = {}): object {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      testTimeout: seconds * 1000 * patience,
      hookTimeout: 60_000 * patience,
      pool: "forks",
      // Files share the modules of test/support and the servers that wait in them.
      isolate: false,
      // The program as it is delivered, which tests start in their own process.
      server: { deps: { external: [/\/dist\//] } },
      // Tests that are declared concurrent mostly sleep: all those of a file at once.
      maxConcurrency: 8,
      sequence: { groupOrder: group },
      ...(alone && { fileParallelism: false }),
      expect: { poll: { timeout: 10_000 * patience } },
    },
  };
}

/** The files that last longest, so that none of them is left over when the others are done. */
const LONGEST = ["native/tls-records", "split", "keeper", "location/embedded", "shard-death", "upgrade-home", "package", "both-paths", "load-program", "upgrade", "following", "neighbours", "operator", "command", "webhooks", "farm-admin"];

/** A worker serves one project, so the files of each follow one another: those that last longest first, those of a moment last. */
class ByProject extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const names = ["services", "conformance", "integration", "unit"];
    const place = ({ project, moduleId }: TestSpecification): number => {
      const long = LONGEST.findIndex((name) => moduleId.endsWith(`/${project.name}/${name}.test.ts`));
      // The longest of the unit tests waits for a child, which needs as long as any file.
      if (project.name === "unit" && long >= 0) return -1;
      return names.indexOf(project.name) * 100 + (long < 0 ? LONGEST.length : long);
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  test: {
    projects: [
      // Some start a Node, which takes seconds where many others start.
      project("unit", 30),
      project("conformance", 60),
      project("integration", 60),
      // With a Redis or a Chromium.
      project("services", 120),
      // For `npm run fuzz`, which says how long.
      project("fuzz", 60),
      // After our own tests, which have no second chance (scripts/lib/vitest.mjs).
      project("interop", 120, { group: 1 }),
      project("measured", 60, { alone: true, group: 2 }),
    ],
    // Most tests wait most of the time: four leave a fifth of two cores idle.
    maxWorkers: 6,
    sequence: { sequencer: ByProject },
    reporters: [onCi ? ["default", { summary: false }] : "default", "./test/support/closing.ts"],
  },
});
