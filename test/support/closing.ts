/** Prints at the end of a run every test that passed only on a retry, a race that someone must examine, and what was left out for lack of a program. */
import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { installPeers, missingPeers } from "./peers.js";

export default class Closing implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") count[state] += 1;
        const again = test.diagnostic()?.retryCount ?? 0;
        if (again > 0) console.log(`tried again ${again} times: ${module.relativeModuleId}: ${test.fullName}`);
      }
      // A file that cannot be loaded contains no test that could fail.
      if (module.errors().length > 0) count.failed += 1;
    }
    const missing = missingPeers();
    if (count.skipped > 0 && missing.length > 0) console.log(`${count.skipped} tests did not run, most of them for lack of ${missing.join(", ")}: ${installPeers(missing)}`);
    const tally = process.env["TEST_TALLY"];
    if (tally !== undefined) appendFileSync(tally, `${count.passed} ${count.failed}\n`);
  }
}
