/** The web server over uWebSockets.js, which npm installs under an alias as an optional package with binaries for some versions of Node. */
import { existsSync } from "node:fs";
import { STATUS_CODES } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type * as Uws from "uWebSockets.js";
import { LIVE_PATH, type WebAnswer, type WebClient, type WebHandlers, type WebRequest, type WebServer } from "./web-server.js";

const EXCLUSIVE_PORT = 1;
const MOST_FRAME = 1_024;
const IDLE_SECONDS = 60;
const require = createRequire(import.meta.url);

/** Its JavaScript fallback takes no WebSockets, so only the binary counts. */
export function hasUws(): boolean {
  try {
    const folder = dirname(require.resolve("uWebSockets.js/package.json"));
    return existsSync(join(folder, "binaries", `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`));
  } catch {
    return false;
  }
}

export class UwsServer implements WebServer {
  readonly #uws = require("uWebSockets.js") as typeof Uws;
  readonly #handlers: WebHandlers;
  readonly #app: Uws.TemplatedApp;
  #socket: Uws.us_listen_socket | undefined;

  constructor(handlers: WebHandlers) {
    this.#handlers = handlers;
    this.#app = this.#uws.App();
    const clients = new Map<Uws.WebSocket<object>, WebClient>();
    this.#app.ws<object>(LIVE_PATH, {
      maxPayloadLength: MOST_FRAME,
      idleTimeout: IDLE_SECONDS,
      upgrade: (res, req, context) => this.#upgrade(res, req, context),
      open: (socket) => {
        const client = clientOf(socket);
        clients.set(socket, client);
        handlers.opened(client);
      },
      close: (socket) => {
        const client = clients.get(socket);
        clients.delete(socket);
        if (client) handlers.closed(client);
      },
    });
    this.#app.any("/*", (res, req) => this.#take(res, req));
  }

  async listen(host: string, port: number): Promise<boolean> {
    const socket = await new Promise<Uws.us_listen_socket | false>((resolve) => {
      if (host === "0.0.0.0" || host === "::") this.#app.listen(port, EXCLUSIVE_PORT, resolve);
      else this.#app.listen(host, port, resolve);
    });
    if (socket === false) return false;
    this.#socket = socket;
    return true;
  }

  close(): void {
    if (this.#socket) this.#uws.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  #take(res: Uws.HttpResponse, req: Uws.HttpRequest): void {
    const { mostBody } = this.#handlers;
    const headers = new Map<string, string>();
    req.forEach((name, value) => headers.set(name, value));
    const request = requestOf(req, (name) => headers.get(name) ?? "");
    let gone = false;
    res.onAborted(() => (gone = true));
    const answer = (body: string | undefined): void => {
      void this.#handlers.answer(request, body).then((given) => {
        if (!gone) res.cork(() => write(res, given));
      });
    };
    if (request.method === "GET" || request.method === "HEAD") return answer("");
    const parts: Buffer[] = [];
    let size = 0;
    res.onData((chunk, isLast) => {
      size += chunk.byteLength;
      // The chunk is the server's own memory and lives only for this call.
      if (size <= mostBody) parts.push(Buffer.from(Buffer.from(chunk)));
      if (isLast) answer(size <= mostBody ? Buffer.concat(parts).toString() : undefined);
    });
  }

  #upgrade(res: Uws.HttpResponse, req: Uws.HttpRequest, context: Uws.us_socket_context_t): void {
    const refusal = this.#handlers.refuse(requestOf(req, (name) => req.getHeader(name)));
    if (refusal) return write(res, refusal);
    const header = (name: string): string => req.getHeader(`sec-websocket-${name}`);
    res.upgrade({}, header("key"), header("protocol"), header("extensions"), context);
  }
}

function requestOf(req: Uws.HttpRequest, header: WebRequest["header"]): WebRequest {
  return { method: req.getMethod().toUpperCase(), path: req.getUrl(), query: req.getQuery(), header };
}

function clientOf(socket: Uws.WebSocket<object>): WebClient {
  return {
    send: (text) => void socket.send(text),
    waiting: () => socket.getBufferedAmount(),
    end: (code, reason) => socket.end(code, reason),
  };
}

function write(res: Uws.HttpResponse, { status, headers, body }: WebAnswer): void {
  res.writeStatus(`${status} ${STATUS_CODES[status] ?? ""}`);
  for (const [name, value] of headers) res.writeHeader(name, value);
  res.end(body);
}
