/** Prints at the end of a run every test that passed only on a retry: a race that someone must examine. */
import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

export default class Closing implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const count = { passed: 0, failed: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed" || state === "failed") count[state] += 1;
        const again = test.diagnostic()?.retryCount ?? 0;
        if (again > 0) console.log(`tried again ${again} times: ${module.relativeModuleId}: ${test.fullName}`);
      }
      // A file that cannot be loaded contains no test that could fail.
      if (module.errors().length > 0) count.failed += 1;
    }
    const tally = process.env["TEST_TALLY"];
    if (tally !== undefined) appendFileSync(tally, `${count.passed} ${count.failed}\n`);
  }
}
