/** The real peers and where they come from: a test without its peer says how to install it, and only CI insists on it. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type TestAPI, test } from "vitest";

const PACKAGES = {
  kamailio: "kamailio kamailio-outbound-modules",
  sipp: "sip-tester",
  sipsak: "sipsak",
  baresip: "baresip-core",
  linphonec: "linphone-cli",
  "twinkle-console": "twinkle-console",
  // The package brings its library along; the tool shows that it is installed.
  "sip-options": "sofia-sip-bin libsofia-sip-ua-dev pkg-config",
  chromium: "chromium",
  haproxy: "haproxy",
  prometheus: "prometheus",
} as const;

export type Peer = keyof typeof PACKAGES;

/** `test`, or a skipped test if a peer is missing; with CI=true it runs, and fails for lack of the peer. */
export function testWith(...peers: readonly Peer[]): TestAPI {
  const missing = peers.filter((peer) => findPeer(peer) === undefined);
  if (missing.length === 0 || process.env["CI"] === "true") return test;
  console.warn(missing.map(howToInstall).join("\n"));
  return test.skip as TestAPI;
}

/** The program's path; throws with the command that installs it. */
export function peerPath(peer: Peer): string {
  const path = findPeer(peer);
  if (path === undefined) throw new Error(howToInstall(peer));
  return path;
}

function findPeer(peer: Peer): string | undefined {
  // Debian installs servers outside an ordinary user's PATH.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, peer)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function howToInstall(peer: Peer): string {
  return `${peer} is missing: apt-get install -y ${PACKAGES[peer]}`;
}
