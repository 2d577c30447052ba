/** The web server of the admin plane, over node:http and ws. */
import { type IncomingMessage, type Server, STATUS_CODES, type ServerResponse, createServer } from "node:http";
import { createRequire } from "node:module";
import type { Duplex } from "node:stream";
import type * as WebSockets from "ws";
import type { WebSocket, WebSocketServer } from "ws";
import { LIVE_PATH, MAX_CONNECTIONS, REQUEST_MS, type WebAnswer, type WebClient, type WebHandlers, type WebRequest, type WebServer } from "./web-server.js";

const MAX_FRAME = 1_024;
const IDLE_MS = 60_000;
const CHECK_MS = 1_000;

export class NodeServer implements WebServer {
  readonly #handlers: WebHandlers;
  readonly #server: Server;
  #sockets: WebSocketServer | undefined;

  constructor(handlers: WebHandlers) {
    this.#handlers = handlers;
    this.#server = createServer(
      { keepAliveTimeout: IDLE_MS, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: CHECK_MS },
      (message, response) => this.#take(message, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on("upgrade", (message, socket, head) => this.#upgrade(message, socket, head));
  }

  listen(socket: number): Promise<number | undefined> {
    return new Promise((resolve) => {
      this.#server.once("error", () => resolve(undefined));
      this.#server.listen({ fd: socket, exclusive: true }, () => {
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : undefined);
      });
    });
  }

  stopListening(): void {
    this.#server.close();
  }

  warmUp(): void {
    void this.#webSockets;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(message: IncomingMessage, response: ServerResponse): void {
    const { mostBody } = this.#handlers;
    const parts: Buffer[] = [];
    let size = 0;
    message.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= mostBody) parts.push(chunk);
    });
    message.on("end", () => {
      const body = size <= mostBody ? Buffer.concat(parts).toString() : undefined;
      void this.#handlers.answer(requestOf(message), body).then(({ status, headers, body: given }) => {
        response.writeHead(status, headers.map(([name, value]) => [name, value] as [string, string]));
        response.end(message.method === "HEAD" ? undefined : given);
      });
    });
  }

  #upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const request = requestOf(message);
    if (request.path !== LIVE_PATH) return void socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    const refusal = this.#handlers.refuse(request);
    if (refusal) return void socket.end(textOf(refusal));
    this.#webSockets.handleUpgrade(message, socket, head, (live) => this.#live(live));
  }

  /** ws is a tenth of what a start costs, and few servers are watched in their first seconds. */
  get #webSockets(): WebSocketServer {
    if (this.#sockets !== undefined) return this.#sockets;
    const { WebSocketServer: Sockets } = createRequire(import.meta.url)("ws") as typeof WebSockets;
    this.#sockets = new Sockets({ noServer: true, maxPayload: MAX_FRAME, perMessageDeflate: false });
    return this.#sockets;
  }

  #live(socket: WebSocket): void {
    const client: WebClient = {
      send: (text) => socket.send(text),
      waiting: () => socket.bufferedAmount,
      end: (code, reason) => socket.close(code, reason),
    };
    socket.on("error", () => socket.terminate());
    socket.on("close", () => this.#handlers.closed(client));
    this.#handlers.opened(client);
  }
}

function requestOf(message: IncomingMessage): WebRequest {
  const [path = "/", query = ""] = (message.url ?? "/").split("?", 2);
  return {
    method: (message.method ?? "").toUpperCase(),
    path,
    query,
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(", ") : (value ?? "");
    },
  };
}

function textOf({ status, headers, body }: WebAnswer): string {
  const lines = [...headers, ["Content-Length", String(Buffer.byteLength(body))], ["Connection", "close"]].map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}\r\n${body.toString()}`;
}
