/** Of which configuration a command speaks. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findPlace } from "../../../src/cli/place.js";
import { writeRunning } from "../../../src/process/running-file.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-place-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a shell that sets something means what it says; a token alone is not that", () => {
  expect(findPlace({ SLUICE_SHARDS: "2" }, [], [])).toMatchObject({ isShell: true, says: "this shell's environment", environment: { SLUICE_SHARDS: "2" } });
  expect(findPlace({ SLUICE_ADMIN_TOKEN: "a-token-of-some-length" }, [], [])).toMatchObject({ isShell: false, says: "this shell's environment, which sets nothing: the defaults" });
});

test("where nothing runs and the shell says nothing, the unit file counts, with the files that it names; files win over Environment=", () => {
  const here = folder();
  const [unit, start, live] = ["sluice.service", "start.env", "sluice.env"].map((name) => join(here, name)) as [string, string, string];
  writeFileSync(start, "SLUICE_SHARDS=3\n");
  writeFileSync(live, "SLUICE_MAX_FLOWS=7\nSLUICE_SHARDS=9\n");
  writeFileSync(unit, `[Service]\nEnvironmentFile=-${start}\nEnvironmentFile=-${here}/is-not-there\nEnvironment=SLUICE_ENV_FILE=${live} "SLUICE_STATE_DIR=${here}/state" OTHER=x\nEnvironment=SLUICE_SHARDS=2\n`);
  const place = findPlace({ SLUICE_ADMIN_TOKEN: "a-token-of-some-length" }, [join(here, "nothing")], [unit]);
  expect(place.says).toBe(`the unit file ${unit}, ${live}; it does not run`);
  expect(place.environment).toMatchObject({ SLUICE_SHARDS: "3", SLUICE_MAX_FLOWS: "7", SLUICE_STATE_DIR: `${here}/state`, SLUICE_ADMIN_TOKEN: "a-token-of-some-length" });
  expect(place.environment["OTHER"]).toBeUndefined();
});

test("a server that runs in the shell's state folder is meant, unless the shell names the admin plane of another one", () => {
  const here = folder();
  writeRunning(here, "http://127.0.0.1:5081/");
  const running = (listen: string): unknown => findPlace({ SLUICE_STATE_DIR: here, SLUICE_ADMIN_LISTEN: listen }, [], []).running;
  for (const listen of ["", "127.0.0.1:0", "0.0.0.0:5081", "127.0.0.1:5081"]) expect(running(listen)).toMatchObject({ pid: process.pid });
  expect(running("127.0.0.1:5090")).toBeUndefined();
});
