/** `npm run test:sanitize [FILE…]`: runs the C++ tests, and the vitest tests that exercise C++ in depth, under AddressSanitizer and UBSan. */
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { program } from "../bench/lib/tools.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { cmakeJs } from "./lib/native.mjs";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, fail, has, outputOf, run, say } from "./lib/run.mjs";

const SANITIZE = "address,undefined";
// The tests that exercise C++ more than every test does: parsers, framing, TLS, WebSocket, tokens, the ring between shards, floods.
const INTEGRATION =
  "addresses answers bans both-paths core-legs deaths-in-a-row farm flow-death flows framing hairpin home-shards hostile-input hostile-registers keeper keeper-home pending proxy-protocol " +
  "shards stun tls tls-records tls-upstream tokens trace transactions upgrade upgrade-home websocket websocket-hostile websocket-policy";
const FILES = ["test/unit/native/tls-records.test.ts", "test/conformance/", ...INTEGRATION.split(" ").map((name) => `test/integration/${name}.test.ts`)];
const named = process.argv.slice(2);
const files = named.length > 0 ? named : FILES;

prepare();
if (!has("cmake")) fail("cmake is missing: apt-get install -y cmake");
say(`building with ${SANITIZE} …`);
cmakeJs({ out: "build/sanitize/native", settings: { SANITIZE } });

const options = {
  // Node frees little when it exits and V8 hides pointers, so only the C++ tests look for leaks. The quarantine for freed memory is 32 MiB,
  // not 256, or tests of bounded memory would measure it.
  ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:halt_on_error=1:detect_stack_use_after_return=1:quarantine_size_mb=32",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};
const failed = [];
if ((await coreTest("build/sanitize/native/Release/core_test", { ...options, ASAN_OPTIONS: "detect_leaks=1" })) !== 0) failed.push("core_test");

// The program looks for its addon in its own tree, so it gets a separate tree with the instrumented addon.
const tree = join(ROOT, "build/sanitize/tree");
rmSync(tree, { recursive: true, force: true });
mkdirSync(join(tree, "build/Release"), { recursive: true });
for (const name of ["package.json", "tsconfig.json", "vitest.config.ts", "src", "dist", "test", "docs", "deploy", "scripts", "native", "bench"]) {
  if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(tree, name), { recursive: true, preserveTimestamps: true });
}
// Compiled here, before a sanitizer's runtime would be loaded into the compiler.
program("load");
symlinkSync(join(ROOT, "build/bench"), join(tree, "build/bench"));
symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
for (const name of ["sluice.node", "sluice-keeper", "tls_test.node"]) cpSync(join(ROOT, "build/sanitize/native/Release", name), join(tree, "build/Release", name));

const runtime = outputOf(process.env.CXX ?? "c++", ["-print-file-name=libasan.so"]);
if (runtime === undefined || !existsSync(runtime)) fail("libasan is missing: apt-get install -y libgcc-12-dev");
const vitest = ["node_modules/vitest/vitest.mjs", "run", ...files];
if (run(process.execPath, vitest, { cwd: tree, env: { ...options, LD_PRELOAD: runtime, TEST_PATIENCE: "4", TEST_SERVERS: "process" } }) !== 0) failed.push("vitest");

if (failed.length > 0) fail(`failed under ${SANITIZE}: ${failed.join(", ")}`);
say(`clean under ${SANITIZE}`);
