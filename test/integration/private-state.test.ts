/** The state folder is private. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Home } from "../support/home.js";

test("an existing state folder is closed to others, with everything in it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "location"));
  writeFileSync(join(folder, "bans.json"), "[]", { mode: 0o644 });
  for (const path of [folder, join(folder, "location")]) chmodSync(path, 0o755);
  await Home.spawn({ SLUICE_STATE_DIR: folder });
  const modeOf = (...path: string[]): string => (statSync(join(folder, ...path)).mode & 0o777).toString(8);
  expect([modeOf(), modeOf("location"), modeOf("location", "journal.00000001"), modeOf("location", "lock"), modeOf("flow.keys"), modeOf("bans.json")]).toEqual(["700", "700", "600", "600", "600", "600"]);
});
