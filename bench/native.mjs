/** Nanoseconds of the core alone, without V8: scan, token, hash and STUN without a socket, then a whole shard with its system calls, as an edge and as a registrar. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT, fail } from "../scripts/lib/run.mjs";
import { cmake } from "../scripts/lib/native.mjs";
import { save } from "./lib/results.mjs";

const out = join(ROOT, "build/bench/native");
const lines = [];
for (const [name, ...args] of [["scan_bench"], ["token_bench"], ["binding_bench"], ["relay_bench", "udp"], ["relay_bench", "tcp"], ["register_bench"]]) {
  cmake({ out, target: name, settings: { CMAKE_BUILD_TYPE: "Release" } });
  const { status, stdout } = spawnSync("taskset", ["-c", "0", join(out, name), ...args], { encoding: "utf8" });
  if (status !== 0) fail(`${name} failed`);
  process.stdout.write(stdout);
  lines.push(...stdout.trim().split("\n"));
}
save("native", { lines });
