/** Reports in one line what this machine lacks to build and run the project. */
import { fail, has } from "./run.mjs";

const OLDEST = [20, 19];

export function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    fail(`Node ${process.versions.node} is too old; Sluice needs at least ${OLDEST.join(".")}`);
  }
}

export function checkPlatform() {
  if (process.platform !== "linux") fail(`Sluice runs on Linux only (epoll, recvmmsg), not on ${process.platform}`);
}

/** `tool` drives the compiler: cmake-js does not bring CMake, node-gyp does not bring Python. */
export function checkCompiler(tool) {
  if (tool === "node-gyp" && !has(process.env.PYTHON ?? "python3")) fail("cmake is missing (node-gyp would do, but python3 is missing too): apt-get install -y cmake");
  const missing = [];
  if (!has(process.env.CXX ?? "c++") && !has("g++")) missing.push("a C++20 compiler");
  if (!has("make")) missing.push("make");
  if (missing.length > 0) fail(`${missing.join(" and ")} is missing: apt-get install -y g++ make`);
}
