import { expect, test } from "vitest";
import { timerTable } from "../../../src/transaction/timers.js";

test("IT-8 timer D is at least 32 seconds, however short T1 is, and grows with it", () => {
  expect(timerTable(100, 32).d).toBe(32_000);
  expect(timerTable(1_000, 32).d).toBe(64_000);
});
