/** `npm run test:sanitize [FILE…]`: the C++ tests, and those of vitest that reach deep into C++, under AddressSanitizer and UBSan. */
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { program } from "../bench/lib/tools.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { cmakeJs } from "./lib/native.mjs";
import { prepare } from "./lib/prepare.mjs";
import { ROOT, fail, has, outputOf, run, say } from "./lib/run.mjs";

const SANITIZE = "address,undefined";
// What reaches C++ by more than a call that every test makes: parsers, framing, TLS, WebSocket, tokens, the ring between shards, floods.
const INTEGRATION =
  "addresses bans core-legs flow-death flows framing hairpin home-shards hostile-input hostile-registers pending proxy-protocol " +
  "shards stun tls tls-upstream tokens trace transactions websocket websocket-hostile websocket-policy";
const FILES = ["test/conformance/", ...INTEGRATION.split(" ").map((name) => `test/integration/${name}.test.ts`)];
const named = process.argv.slice(2);
const files = named.length > 0 ? named : FILES;

prepare();
if (!has("cmake")) fail("cmake is missing: apt-get install -y cmake");
say(`building with ${SANITIZE} …`);
cmakeJs({ out: "build/sanitize/native", settings: { SANITIZE } });

const options = {
  // Node frees little at its end and V8 hides pointers, so leaks are looked for in the C++ tests only. What is freed is kept from
  // being used again for 32 MiB, not for 256, or tests of bounded memory would measure that.
  ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:halt_on_error=1:detect_stack_use_after_return=1:quarantine_size_mb=32",
  UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
};
const failed = [];
if (coreTest("build/sanitize/native/Release/core_test", { ...options, ASAN_OPTIONS: "detect_leaks=1" }) !== 0) failed.push("core_test");

// The program finds its addon beside itself, so it gets a tree of its own with the instrumented one in it.
const tree = join(ROOT, "build/sanitize/tree");
rmSync(tree, { recursive: true, force: true });
mkdirSync(join(tree, "build/Release"), { recursive: true });
for (const name of ["package.json", "tsconfig.json", "vitest.config.ts", "src", "dist", "test", "docs", "deploy", "scripts", "native", "bench"]) {
  if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(tree, name), { recursive: true, preserveTimestamps: true });
}
// Compiled here, where no sanitizer's runtime is loaded into the compiler.
program("load");
symlinkSync(join(ROOT, "build/bench"), join(tree, "build/bench"));
symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
cpSync(join(ROOT, "build/sanitize/native/Release/sluice.node"), join(tree, "build/Release/sluice.node"));

const runtime = outputOf(process.env.CXX ?? "c++", ["-print-file-name=libasan.so"]);
if (runtime === undefined || !existsSync(runtime)) fail("libasan is missing: apt-get install -y libgcc-12-dev");
const vitest = ["node_modules/vitest/vitest.mjs", "run", ...files];
if (run(process.execPath, vitest, { cwd: tree, env: { ...options, LD_PRELOAD: runtime, TEST_PATIENCE: "4" } }) !== 0) failed.push("vitest");

if (failed.length > 0) fail(`failed under ${SANITIZE}: ${failed.join(", ")}`);
say(`clean under ${SANITIZE}`);
