/** The client side of the WebSocket opening handshake (RFC 6455 4.1). */
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The request as a browser sends it. A field given here replaces the usual one; undefined omits it. */
export function upgradeRequest(host: string, fields: Readonly<Record<string, string | undefined>> = {}, target = "/"): string {
  const all: Record<string, string | undefined> = {
    Host: host,
    Upgrade: "websocket",
    Connection: "keep-alive, Upgrade",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "sip",
    ...fields,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return `GET ${target} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Reads up to the end of the response's head and pushes back the rest. Rejects if the connection ends first. */
export async function readAnswer(socket: Socket): Promise<string> {
  let head = Buffer.alloc(0);
  for await (const bytes of chunks(socket)) {
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const rest = head.subarray(end + 4);
    if (rest.length > 0) socket.unshift(rest);
    return head.subarray(0, end + 4).toString("latin1");
  }
  throw new Error(`the connection ended within the handshake: ${JSON.stringify(head.toString("latin1"))}`);
}

export async function upgrade(socket: Socket, host: string, origin?: string): Promise<void> {
  const request = upgradeRequest(host, { Origin: origin });
  socket.write(request);
  const answer = await readAnswer(socket);
  const key = /^Sec-WebSocket-Key: (.*)$/m.exec(request)?.[1]?.trim() ?? "";
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  if (!answer.startsWith("HTTP/1.1 101 ") || !answer.includes(`\r\nSec-WebSocket-Accept: ${accept}\r\n`)) throw new Error(`no 101 but:\n${answer}`);
}

async function* chunks(socket: Socket): AsyncGenerator<Buffer> {
  for (;;) {
    const bytes: unknown = socket.read();
    if (Buffer.isBuffer(bytes)) yield bytes;
    else if (socket.readableEnded || socket.destroyed) return;
    else await new Promise<void>((resolve) => waitForMore(socket, resolve));
  }
}

function waitForMore(socket: Socket, resolve: () => void): void {
  const events = ["readable", "end", "error", "close"] as const;
  const done = (): void => {
    for (const name of events) socket.off(name, done);
    resolve();
  };
  for (const name of events) socket.once(name, done);
}
