/** The compared registrars, each on CPU 0 with one worker, and the load of phones and callers on CPU 1. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { ROOT } from "../../scripts/lib/run.mjs";
import { temporaryFolder } from "./temporary-folder.mjs";
import { CORE_PORT, EDGE_PORT, SLUICE_MAIN, startPinned } from "./edges.mjs";
import { runProgram } from "./load.mjs";

// As in native/bench/lib/home_requests.h.
const DOMAIN = "example.org";
export const PASSWORD = "correct horse";
const HASHES = { md5: "md5", sha256: "sha256" };
const ALGORITHMS = { md5: "MD5", sha256: "SHA-256" };

/** `digest`: none, md5 or sha256. `users`: how many users have a password, u0 and so on. */
export function sluiceRegistrar({ digest = "none", users = 100_000, folder = temporaryFolder(), env = {} } = {}) {
  return startPinned("sluice-registrar", process.execPath, [SLUICE_MAIN], {
    SLUICE_MODE: "registrar",
    SLUICE_LISTEN: `udp:127.0.0.1:${EDGE_PORT}`,
    SLUICE_DOMAINS: DOMAIN,
    SLUICE_EDGES: "127.0.0.1",
    SLUICE_SHARDS: "1",
    ...(digest !== "none" && { SLUICE_AUTH: `file:${passwords(digest, users)}`, SLUICE_AUTH_ALGORITHMS: ALGORITHMS[digest].toLowerCase() }),
    // All calls come from one client address, which would soon have used up its share.
    SLUICE_MAX_PENDING: "1000000",
    SLUICE_MAX_PENDING_PER_SOURCE: "1000000",
    SLUICE_STATE_DIR: folder,
    SLUICE_LOG_LEVEL: "warn",
    SLUICE_ADMIN_LISTEN: "off",
    ...env,
  }, "udp");
}

function passwords(digest, users) {
  const file = join(temporaryFolder(), "users.htdigest");
  const line = (_, number) => `u${number}:${DOMAIN}:${createHash(HASHES[digest]).update(`u${number}:${DOMAIN}:${PASSWORD}`).digest("hex")}\n`;
  writeFileSync(file, Array.from({ length: users }, line).join(""), { mode: 0o600 });
  return file;
}

/** Raw sockets (udp4_raw) cost Kamailio more here, on the loopback interface, so it sends by the ordinary ones. */
function kamailioRegistrar({ digest = "none", devices = 1 } = {}) {
  const folder = temporaryFolder();
  const file = join(ROOT, "bench/kamailio/registrar.cfg");
  const memory = ["-x", "tlsf", "-X", "tlsf", "-m", "1024"];
  const defines = [`LISTEN_PORT=${EDGE_PORT}`, ...(digest === "none" ? [] : ["WITH_DIGEST", `DIGEST_ALGORITHM="${ALGORITHMS[digest]}"`, `PASSWORD="${PASSWORD}"`]), ...(devices > 1 ? ["WITH_FORKS"] : [])];
  const args = ["-DD", "-E", "-f", file, "-Y", folder, "-P", join(folder, "pid"), ...memory, ...defines.flatMap((define) => ["-A", define])];
  return startPinned("kamailio-registrar", "kamailio", args, {}, "udp");
}

/** The bindings are in a Redis, on the CPU of the load, whose own CPU counts for nothing. */
async function sluiceOverRedis({ digest = "none" } = {}) {
  const redis = await startRedis();
  const sluice = await sluiceRegistrar({ digest, env: { SLUICE_LOCATION: redis.url } });
  const stop = async () => {
    await sluice.stop();
    await redis.stop();
  };
  return { ...sluice, stop };
}

async function startRedis() {
  const port = await freePort();
  const child = spawn("taskset", ["-c", "1", "redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", temporaryFolder(), "--save", "", "--appendonly", "no"], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  while (!(await answers(port))) await new Promise((resolve) => setTimeout(resolve, 20));
  const stop = async () => {
    kill();
    await ended;
    process.off("exit", kill);
  };
  return { url: `redis://127.0.0.1:${port}`, stop };
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => resolve(socket.destroy().destroyed));
    socket.once("error", () => resolve(false));
  });
}

export const REGISTRARS = {
  kamailio: (digest, devices) => kamailioRegistrar({ digest, devices }),
  sluice: (digest) => sluiceRegistrar({ digest }),
  // Without the fast path.
  objects: (digest) => sluiceRegistrar({ digest, env: { SLUICE_FAST_PATH: "off" } }),
  redis: (digest) => sluiceOverRedis({ digest }),
};

/** Options as in native/bench/home_load.cc; the figures of each workload in turn. */
export function runHomeLoads(options) {
  return runProgram("home_load", { server: `127.0.0.1:${EDGE_PORT}`, local: `127.0.0.1:${CORE_PORT}`, ...options });
}
