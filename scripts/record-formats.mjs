/**
 * Appends to native/test/formats.def what this build writes in each layout that is not recorded there yet, after a version was raised
 * (native/test/formats_test.cc). What is recorded is never changed: other versions read and write it.
 */
import { join } from "node:path";
import { CORE_TEST, buildNative } from "./lib/native.mjs";
import { ROOT, mustRun } from "./lib/run.mjs";

buildNative({ what: "all" });
mustRun("core_test", CORE_TEST, ["formats_test.cc"], { env: { SLUICE_RECORD_FORMATS: join(ROOT, "native/test/formats.def") } });
