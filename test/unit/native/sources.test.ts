/** Every C++ file is in one of the two lists that the builds read. */
import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";

const NATIVE = new URL("../../../native/", import.meta.url);

function listed(name: string): string[] {
  return readFileSync(new URL(name, NATIVE), "utf8").split("\n").filter((line) => line !== "" && !line.startsWith("#")).sort();
}

function present(...folders: string[]): string[] {
  const files = folders.flatMap((folder) => readdirSync(new URL(`${folder}/`, NATIVE), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`));
  return files.filter((file) => file.endsWith(".cc")).sort();
}

test("native/sources.txt names every source of the core, of TLS, of the addon and of the keeper", () => {
  expect(listed("sources.txt")).toEqual(present("core", "tls", "addon", "keeper"));
});

test("native/tests.txt names every C++ test", () => {
  expect(listed("tests.txt")).toEqual(present("test", "tls_test"));
});
