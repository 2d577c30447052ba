/** The machine on which the figures were measured: ratios carry over to another machine, microseconds do not. */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { outputOf } from "../../scripts/lib/run.mjs";

export function machine() {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    compiler: outputOf(process.env.CXX ?? "c++", ["--version"])?.split("\n")[0],
    kamailio: outputOf("kamailio", ["-v"])?.split("\n")[0],
    load_average: readFileSync("/proc/loadavg", "utf8").split(" ")[0],
    when: new Date().toISOString(),
  };
}
