/** Runs the C++ tests; adds their number to the file named by TEST_TALLY, as test/support/closing.ts does for the others. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { CORE_TEST } from "./native.mjs";
import { ROOT } from "./run.mjs";

/** `parts`: only the tests with one of these in their name or in that of their file. Resolves with the exit status; the output comes in one piece. */
export async function coreTest(program = CORE_TEST, env = {}, parts = []) {
  const child = spawn(program, parts, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece) => (output += piece));
  const [status] = await once(child, "close");
  process.stdout.write(output);
  const [, tests = "0", failed = "1"] = /^# (\d+) tests, (\d+) failed$/m.exec(output) ?? [];
  if (process.env.TEST_TALLY) appendFileSync(process.env.TEST_TALLY, `${Math.max(0, tests - failed)} ${failed}\n`);
  return status ?? 1;
}
