/** Which process holds a port, for the line that explains why a listener cannot be opened. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";

/** "the port is held by kamailio, pid 123", or as much as is known; "" if no holder is visible. */
export function portOwner(transport: "udp" | "tcp", port: number): string {
  const sockets = new Set([...socketsOn(`/proc/net/${transport}`, transport, port), ...socketsOn(`/proc/net/${transport}6`, transport, port)]);
  if (sockets.size === 0) return "";
  const owner = holderOf(sockets);
  return owner === undefined ? "the port is held by another user's process (ss -lnptu as root names it)" : `the port is held by ${owner}`;
}

/** Inodes of the sockets bound to that port. */
function socketsOn(path: string, transport: "udp" | "tcp", port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  // TCP_LISTEN, or a UDP socket without a peer.
  const state = transport === "tcp" ? "0A" : "07";
  return read(path).split("\n").slice(1).flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    return fields[1]?.endsWith(`:${wanted}`) === true && fields[3] === state && fields[9] !== undefined ? [fields[9]] : [];
  });
}

function holderOf(sockets: ReadonlySet<string>): string | undefined {
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    if (pid === String(process.pid)) continue;
    for (const descriptor of list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined && sockets.has(inode)) return `${read(`/proc/${pid}/comm`).trim() || "a process"}, pid ${pid}`;
    }
  }
  return undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
