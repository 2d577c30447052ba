import { expect, test } from "vitest";
import { createLog } from "../../../src/observe/log.js";

test("a line is JSON with the level's name, and lower levels write nothing", () => {
  const lines: string[] = [];
  const log = createLog("warn", { write: (line) => void lines.push(line) });
  log.info("unheard");
  log.warn({ target: "sip:a" }, "upstream down");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { level: "warn", time: expect.any(String) as string, target: "sip:a", msg: "upstream down" },
  ]);
});
