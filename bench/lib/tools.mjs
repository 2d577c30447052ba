/** The C++ programs of the bench, compiled when their sources are newer; all figures and traces go to build/bench. */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { newest, timeOf } from "../../scripts/lib/newest.mjs";
import { ROOT, fail, say } from "../../scripts/lib/run.mjs";

export const OUT = join(ROOT, "build/bench");
const NATIVE = join(ROOT, "native");
// The same flags as native/CMakeLists.txt gives the core.
const FLAGS = ["-std=c++20", "-O3", "-DNDEBUG", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing", `-I${NATIVE}`];

/** Path of the executable made from native/bench/NAME.cc, which needs nothing but native/bench/lib. */
export function program(name) {
  mkdirSync(OUT, { recursive: true });
  const source = join(NATIVE, "bench", `${name}.cc`);
  const executable = join(OUT, name);
  if (timeOf(executable) > newest([source, join(NATIVE, "bench/lib")], [".cc", ".h"])) return executable;
  say(`compiling ${name} …`);
  const result = spawnSync(process.env.CXX ?? "c++", [...FLAGS, source, "-o", executable], { stdio: "inherit" });
  if (result.error !== undefined) fail("a C++20 compiler is missing: apt-get install -y g++");
  if (result.status !== 0) fail(`${name} does not compile`);
  return executable;
}
