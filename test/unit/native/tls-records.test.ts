/** native/tls_test: the records of TLS, in the OpenSSL of this Node's binary. A process of its own, because the tests speak TAP to stdout. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MODULE = fileURLToPath(new URL("../../../build/Release/tls_test.node", import.meta.url));

test("TR-25 records of our own against OpenSSL: every C++ test of native/tls", { timeout: 120_000 }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", "process.exitCode = require(process.argv[1]).run([])", MODULE], { encoding: "utf8" });
  const lines = stdout.split("\n");
  expect(lines.filter((line) => line.startsWith("not ok") || /^# \S+:\d+:/.test(line)), stderr).toEqual([]);
  expect(stdout, stderr).toMatch(/^# [1-9]\d* tests, 0 failed$/m);
});
