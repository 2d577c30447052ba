/** The C++ programs of the benchmarks, compiled if their sources are newer; all figures and traces go to build/bench. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { newest, timeOf } from "../../scripts/lib/newest.mjs";
import { ROOT, fail, has, mustRun, say } from "../../scripts/lib/run.mjs";

export const OUT = join(ROOT, "build/bench");
const NATIVE = join(ROOT, "native");
const COMPILER = process.env.CXX ?? "c++";
// The flags that native/CMakeLists.txt uses, without the core's limit for inlining: hardly anything of the core is in these programs.
const FLAGS = ["-std=c++20", "-O3", "-DNDEBUG", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing", `-I${NATIVE}`];

let tls;

/** Why the programs have no TLS on this machine, or undefined; everything else works without it. */
export function tlsMissing() {
  if (tls === undefined) {
    const headers = spawnSync(COMPILER, ["-E", "-x", "c++", "-", "-o", "/dev/null"], { input: "#include <openssl/ssl.h>\n" }).status === 0;
    tls = { reason: !headers ? "OpenSSL's headers are missing: apt-get install -y libssl-dev" : has("openssl") ? undefined : "openssl is missing: apt-get install -y openssl" };
  }
  return tls.reason;
}

/** A certificate for the measured edges, and its key: P-256, like most today. */
export function certificate() {
  mkdirSync(OUT, { recursive: true });
  const [cert, key] = [join(OUT, "bench.pem"), join(OUT, "bench.key")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  if (!existsSync(cert)) mustRun("openssl", "openssl", ["req", "-x509", ...curve, "-nodes", "-keyout", key, "-out", cert, "-days", "3650", "-subj", "/CN=bench"], { quiet: true });
  return { cert, key };
}

/** Path of the executable built from native/bench/NAME.cc, which needs only native/bench/lib, these files of the product, and OpenSSL for TLS. */
export function program(name, files = []) {
  mkdirSync(OUT, { recursive: true });
  const withTls = tlsMissing() === undefined;
  const source = join(NATIVE, "bench", `${name}.cc`);
  const executable = join(OUT, withTls ? `${name}-tls` : name);
  const sources = [source, ...files.map((file) => join(NATIVE, file))];
  if (timeOf(executable) > newest([...sources, join(NATIVE, "bench/lib"), ...(files.length > 0 ? [join(NATIVE, "core")] : [])], [".cc", ".h"])) return executable;
  say(`compiling ${name}${withTls ? "" : " without TLS"} …`);
  const result = spawnSync(COMPILER, [...FLAGS, ...(withTls ? ["-DBENCH_TLS"] : []), ...sources, "-o", executable, ...(withTls ? ["-lssl", "-lcrypto"] : [])], { stdio: "inherit" });
  if (result.error !== undefined) fail("a C++20 compiler is missing: apt-get install -y g++");
  if (result.status !== 0) fail(`${name} does not compile`);
  return executable;
}
