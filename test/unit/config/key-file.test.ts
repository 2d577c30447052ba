import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { keyFileOf, openKeyFile, readKeyFile } from "../../../src/config/key-file.js";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-keys-"));
  return () => rmSync(folder, { recursive: true, force: true });
});

test("OB-5.2-5 the first start creates a key, and the next one finds the same", () => {
  const state = join(folder, "deep/state");
  const [made] = openKeyFile(state);
  expect(made?.key.length).toBe(32);
  expect(openKeyFile(state)).toEqual([made]);
  expect(readdirSync(state)).toEqual(["flow.keys"]);
});

test("nobody but the owner can read the file", () => {
  const umask = process.umask(0);
  onTestFinished(() => void process.umask(umask));
  openKeyFile(folder);
  expect(statSync(keyFileOf(folder)).mode & 0o777).toBe(0o600);
});

test("two folders get two keys", () => {
  expect(openKeyFile(join(folder, "a"))).not.toEqual(openKeyFile(join(folder, "b")));
});

test("looking does not create one", () => {
  expect(readKeyFile(folder)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

test.each([0o640, 0o604, 0o620])("a file with mode %o is refused with the command that fixes it", (mode) => {
  openKeyFile(folder);
  chmodSync(keyFileOf(folder), mode);
  expect(() => openKeyFile(folder)).toThrow(`chmod 600 ${keyFileOf(folder)}`);
});

test("several keys, comments and blank lines; the order is kept", () => {
  const code = Buffer.alloc(20, 7).toString("base64");
  writeFileSync(keyFileOf(folder), `# new\n5:${code}\n\n  4:${code}\n`, { mode: 0o600 });
  expect(readKeyFile(folder)?.map(({ id }) => id)).toEqual([5, 4]);
});

test("a file without a valid key is refused and not overwritten", () => {
  writeFileSync(keyFileOf(folder), "garbage\n", { mode: 0o600 });
  expect(() => openKeyFile(folder)).toThrow("sound keys");
  expect(readFileSync(keyFileOf(folder), "utf8")).toBe("garbage\n");
});

test("a folder in the file's place is refused", () => {
  mkdirSync(keyFileOf(folder));
  expect(() => openKeyFile(folder)).toThrow("plain file");
});

test("a state folder that cannot be created is refused", () => {
  writeFileSync(join(folder, "file"), "");
  expect(() => openKeyFile(join(folder, "file/state"))).toThrow("a folder");
});
