/** Free ports for listeners under test, below the kernel's ephemeral range so that no outgoing connection takes them. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

// A port looks free until its edge has started, so files that run side by side must not share ports: each worker has a range.
const COUNT = 1_500;
const WORKERS = 8;
const FIRST = 20_000 + COUNT * (Number(process.env["VITEST_POOL_ID"] ?? "0") % WORKERS);
let next = (process.pid * 97) % COUNT;

export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (let tries = 0; tries < COUNT; tries += 1) {
    next = (next + 1) % COUNT;
    const port = FIRST + next;
    if ((await tcpIsFree(host, port)) && (await udpIsFree(host, port))) return port;
  }
  throw new Error(`no free port on ${host}`);
}

/** The first of so many free ports in a row. */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number> {
  for (let first = await freePort(host), last = first; ; ) {
    if (last - first === count - 1) return first;
    const port = await freePort(host);
    first = port === last + 1 ? first : port;
    last = port;
  }
}

/** `127.0.0.1:5060` or `[::1]:5060`, as in sent-by and URIs. */
export function hostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function tcpIsFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function udpIsFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.once("error", () => resolve(false));
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
