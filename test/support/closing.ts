/** At the end of a run: counts the tests, says what was left out and why, and names the files of interop that deserve a second chance. */
import { appendFileSync, writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { installPeers, missingPeers } from "./peers.js";

/** Set by scripts/test.mjs where there is a second chance: the file for what it needs to know. */
const again = process.env["TEST_AGAIN"];

export default class Closing implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<unknown>): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    const anew: string[] = [];
    for (const module of modules) {
      const one = tally(module);
      // The whole file runs again, in a new process: what a test has left behind does not spoil its second chance.
      const hasChance = again !== undefined && module.project.name === "interop" && one.failed > 0;
      if (hasChance) anew.push(module.relativeModuleId);
      else for (const state of ["passed", "failed", "skipped"] as const) count[state] += one[state];
    }
    if (again !== undefined) writeFileSync(again, JSON.stringify({ anew, failed: count.failed > 0 || unhandled.length > 0 }));
    for (const [why, names] of leftOut(modules)) console.log(`${names.length === 1 ? "1 test" : `${names.length} tests`} did not run: ${why}\n${names.map((name) => `  ${name}`).join("\n")}`);
    const missing = missingPeers();
    if (count.skipped > 0 && missing.length > 0) console.log(`${count.skipped} tests did not run, most of them for lack of ${missing.join(", ")}: ${installPeers(missing)}`);
    const counts = process.env["TEST_TALLY"];
    if (counts !== undefined) appendFileSync(counts, `${count.passed} ${count.failed}\n`);
  }
}

/** The names of the tests that gave a reason for which they did not run, by that reason. */
function leftOut(modules: ReadonlyArray<TestModule>): ReadonlyMap<string, readonly string[]> {
  const byReason = new Map<string, string[]>();
  for (const module of modules) {
    for (const test of module.children.allTests("skipped")) {
      const result = test.result();
      if (result.state !== "skipped" || result.note === undefined) continue;
      byReason.set(result.note, [...(byReason.get(result.note) ?? []), `${module.relativeModuleId}: ${test.name}`]);
    }
  }
  return byReason;
}

function tally(module: TestModule): { passed: number; failed: number; skipped: number } {
  // A file that cannot be loaded contains no test that could fail, and the tests of a suite whose hook has failed are skipped.
  const broken = [module, ...module.children.allSuites()].filter((one) => one.errors().length > 0);
  const count = { passed: 0, failed: broken.length, skipped: 0 };
  for (const test of module.children.allTests()) {
    const { state } = test.result();
    if (state !== "pending") count[state] += 1;
  }
  return count;
}
