/** `npm run test:threads`: runs the C++ tests that start threads under ThreadSanitizer: the rings, the shards on their threads, and everything they share. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { checkNode } from "./lib/check.mjs";
import { coreTest } from "./lib/core-test.mjs";
import { cmake } from "./lib/native.mjs";
import { ROOT, fail, say } from "./lib/run.mjs";

const OUT = "build/threads";

checkNode();
say("building with ThreadSanitizer …");
cmake({ out: OUT, target: "core_test", settings: { SANITIZE: "thread" } });
const folder = join(ROOT, "native/test");
const threaded = readdirSync(folder).filter((name) => name.endsWith("_test.cc") && readFileSync(join(folder, name), "utf8").includes("std::thread"));
if ((await coreTest(join(ROOT, OUT, "Release/core_test"), { TSAN_OPTIONS: "halt_on_error=1" }, threaded)) !== 0) fail("failed under ThreadSanitizer");
say("clean under ThreadSanitizer");
