import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Successor } from "../../../src/process/successor.js";

/** A process that runs these lines in the place of Sluice. */
function successor(lines: string): Successor {
  const folder = mkdtempSync(join(tmpdir(), "sluice-successor-"));
  const [, own = ""] = process.argv;
  const channel = openSync("/dev/null", "r");
  onTestFinished(() => {
    process.argv[1] = own;
    closeSync(channel);
    rmSync(folder, { recursive: true });
  });
  process.argv[1] = join(folder, "main.cjs");
  writeFileSync(process.argv[1], lines);
  return new Successor(channel);
}

test("a successor that hangs is given up on when its time is up, and is gone before anything else happens", async () => {
  const hanging = successor("setInterval(() => undefined, 1000)");
  await expect(hanging.ready(50)).rejects.toThrow("it was not ready within 0.05 s");
  await hanging.kill();
  expect(await hanging.ended).toBe("SIGKILL ended it");
  expect(() => process.kill(hanging.pid, 0)).toThrow("ESRCH");
});

test("what a successor says before it ends is the reason, not its status", async () => {
  const failing = successor("process.send({ kind: 'failed', why: 'SLUICE_X: expected y' }, () => process.exit(78))");
  await expect(failing.ready(60_000)).rejects.toThrow("SLUICE_X: expected y");
});

test("a successor that ends without a word while it is waited for is no successor", async () => {
  const ready = successor("process.send({ kind: 'ready', version: '9.9' }, () => process.exit(0))");
  await ready.ready(60_000);
  expect(ready.version).toBe("9.9");
  await expect(ready.taken(60_000)).rejects.toThrow("it ended with status 0");
  expect(await ready.isSteady(60_000)).toBe(false);
});
