/** The programs of others that tests run, and where they come from. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

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
  "redis-server": "redis-server",
  tshark: "tshark",
  "gnutls-cli": "gnutls-bin",
  systemctl: "systemd",
} as const;

export type Peer = keyof typeof PACKAGES;

/** The program's path; throws with the command that installs it. */
export function peerPath(peer: Peer): string {
  const path = findPeer(peer);
  if (path === undefined) throw new Error(`${peer} is missing: apt-get install -y ${PACKAGES[peer]}`);
  return path;
}

/** Those of `peers` that are not installed. */
export function missingPeers(peers: readonly Peer[] = Object.keys(PACKAGES) as Peer[]): readonly Peer[] {
  return peers.filter((peer) => findPeer(peer) === undefined);
}

/** The command that installs them. */
export function installPeers(peers: readonly Peer[]): string {
  return `apt-get install -y ${peers.map((peer) => PACKAGES[peer]).join(" ")}`;
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
