/** Runs vitest. In CI the files of interop that fail get a second chance: other people's phones take part, and not every race is ours. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { say, start } from "./run.mjs";

/** Resolves with the exit status. */
export async function vitest(args) {
  if (process.env.CI === undefined) return once(args);
  const folder = mkdtempSync(join(tmpdir(), "sluice-tests-"));
  const notes = join(folder, "again.json");
  try {
    const status = await once(args, { TEST_AGAIN: notes });
    // Without the notes vitest has failed by itself.
    if (status === 0 || !existsSync(notes)) return status;
    const { anew, failed } = JSON.parse(readFileSync(notes, "utf8"));
    if (anew.length === 0) return status;
    say(`these failed and run once more, anew; each is a race to be looked into: ${anew.join(" ")}`);
    const second = await once(["--project", "interop", ...anew]);
    return failed ? status : second;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function once(args, env = {}) {
  return start(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "--passWithNoTests", ...args], { env, shows: "at once" });
}
