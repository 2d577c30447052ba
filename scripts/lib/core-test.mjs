/** Runs the C++ tests; adds their number to the file named by TEST_TALLY, as test/support/closing.ts does for the others. */
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { CORE_TEST } from "./native.mjs";
import { ROOT } from "./run.mjs";

/** `parts`: only the tests with one of these in their name or in that of their file. Returns the exit status. */
export function coreTest(program = CORE_TEST, env = {}, parts = []) {
  const { status, stdout } = spawnSync(program, parts, { cwd: ROOT, env: { ...process.env, ...env }, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  process.stdout.write(stdout ?? "");
  const [, tests = "0", failed = "1"] = /^# (\d+) tests, (\d+) failed$/m.exec(stdout ?? "") ?? [];
  if (process.env.TEST_TALLY) appendFileSync(process.env.TEST_TALLY, `${Math.max(0, tests - failed)} ${failed}\n`);
  return status ?? 1;
}
