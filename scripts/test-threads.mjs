/** `npm run test:threads`: runs the C++ tests under ThreadSanitizer: the rings, the shards on their threads, and everything they share. */
import { checkNode } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { cmake } from "./lib/native.mjs";
import { ROOT, fail, say } from "./lib/run.mjs";
import { join } from "node:path";

const OUT = "build/threads";

checkNode();
say("building with ThreadSanitizer …");
cmake({ out: OUT, target: "core_test", settings: { SANITIZE: "thread" } });
if (coreTest(join(ROOT, OUT, "Release/core_test"), { TSAN_OPTIONS: "halt_on_error=1" }) !== 0) fail("failed under ThreadSanitizer");
say("clean under ThreadSanitizer");
