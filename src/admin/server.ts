/** The admin plane's listener: health, metrics, JSON control, dashboard and live stream, on the main thread, apart from all SIP. */
import { getSystemErrorName } from "node:util";
import { showHostPort, type HostPort } from "../config/host-port.js";
import { binding } from "../native/load.js";
import { version } from "../version.js";
import { Control } from "./control.js";
import { type StaticFile, dashboardFiles } from "./files.js";
import { Guard } from "./guard.js";
import { healthText, readiness } from "./health.js";
import { Live } from "./live.js";
import { Metrics } from "./metrics.js";
import { Refusal } from "./refusal.js";
import { ControlRequest } from "./request.js";
import type { Running } from "./running.js";
import { type HttpRequest, type HttpResponse, type TemplatedApp, type us_listen_socket, type us_socket_context_t, loadUws } from "./uws.js";

const MOST_BODY = 64 * 1024;
const EXCLUSIVE_PORT = 1;
const REASONS: Readonly<Record<number, string>> = {
  200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
  413: "Content Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
};
// What the dashboard needs and nothing else: no script of elsewhere, no frame around it.
const SECURITY: readonly (readonly [string, string])[] = [
  ["Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
];

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly guard: () => void;
}

export class AdminServer {
  readonly control: Control;
  readonly #running: Running;
  readonly #guard: Guard;
  readonly #metrics: Metrics;
  readonly #files: ReadonlyMap<string, StaticFile>;
  readonly #app: TemplatedApp;
  readonly #uws = loadUws();
  readonly #live: Live;
  #socket: us_listen_socket | undefined;

  constructor(running: Running) {
    this.#running = running;
    this.control = new Control(running);
    this.#guard = new Guard(running.config.adminToken);
    this.#metrics = new Metrics(running, version());
    this.#files = dashboardFiles();
    this.#app = this.#uws.App();
    this.#live = new Live(this.#app, this.control, running.tracer);
    this.#app.ws<object>("/live", {
      maxPayloadLength: 1_024,
      idleTimeout: 60,
      upgrade: (res, req, context) => this.#upgrade(res, req, context),
      open: (client) => this.#live.opened(client),
      close: (client) => this.#live.closed(client),
    });
    this.#app.any("/*", (res, req) => this.#take(res, req));
  }

  /** The URL; throws one line when the place is taken. */
  async listen({ host, port }: HostPort): Promise<string> {
    const free = binding.checkListener("tcp", host, port);
    if (free < 0) throw new Error(`cannot listen on SLUICE_ADMIN_LISTEN ${showHostPort(host, port)}: ${getSystemErrorName(free)} (another address, or off)`);
    const socket = await new Promise<us_listen_socket | false>((resolve) => {
      if (host === "0.0.0.0" || host === "::") this.#app.listen(free, EXCLUSIVE_PORT, resolve);
      else this.#app.listen(host, free, resolve);
    });
    if (socket === false) throw new Error(`cannot listen on SLUICE_ADMIN_LISTEN ${showHostPort(host, port)}`);
    this.#socket = socket;
    return `http://${showHostPort(host, free)}/`;
  }

  close(): void {
    this.control.close();
    this.#live.close();
    if (this.#socket) this.#uws.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  #take(res: HttpResponse, req: HttpRequest): void {
    // The request may be read only before the first wait.
    const method = req.getMethod().toUpperCase();
    const asking = {
      method,
      host: req.getHeader("host"),
      origin: req.getHeader("origin"),
      token: /^Bearer +(.+)$/i.exec(req.getHeader("authorization"))?.[1] ?? "",
      contentType: req.getHeader("content-type"),
    };
    const asked: Asked = { method, path: req.getUrl(), query: req.getQuery(), guard: () => this.#guard.check(asking) };
    let gone = false;
    res.onAborted(() => (gone = true));
    const answer = (body: string): void => {
      void this.#answer(asked, body).then((given) => {
        if (!gone) res.cork(() => write(res, given));
      });
    };
    if (method === "GET" || method === "HEAD") return answer("");
    const parts: Buffer[] = [];
    let size = 0;
    res.onData((chunk, isLast) => {
      size += chunk.byteLength;
      if (size <= MOST_BODY) parts.push(Buffer.from(Buffer.from(chunk)));
      if (isLast) answer(size <= MOST_BODY ? Buffer.concat(parts).toString() : "too large");
    });
  }

  async #answer(asked: Asked, body: string): Promise<Answer> {
    try {
      return await this.#route(asked, body);
    } catch (error) {
      if (error instanceof Refusal) return json(error.status, { error: error.message });
      this.#running.log.error({ err: error, path: asked.path }, "the admin plane failed");
      return json(500, { error: error instanceof Error ? error.message : String(error) });
    }
  }

  async #route({ method, path, query, guard }: Asked, body: string): Promise<Answer> {
    if (path === "/livez") return text(200, "ok\n");
    if (path === "/readyz") {
      const checks = await readiness(this.#running);
      return text(checks.every(({ ok }) => ok) ? 200 : 503, healthText(checks, new URLSearchParams(query).has("verbose")));
    }
    const file = method === "GET" || method === "HEAD" ? this.#files.get(path) : undefined;
    // The page itself holds nothing: it asks for the token when the control refuses it.
    if (file) return { status: 200, type: file.type, body: file.octets };
    guard();
    if (path === "/metrics") return { status: 200, type: this.#metrics.contentType, body: await this.#metrics.text() };
    if (!path.startsWith("/api/")) throw new Refusal(404, `there is no ${path}`);
    const { handler, places } = this.control.find(method, path.slice(5));
    return json(200, await handler(new ControlRequest(places, query, body)));
  }

  #upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    try {
      this.#guard.check({
        method: "GET",
        host: req.getHeader("host"),
        origin: req.getHeader("origin"),
        token: new URLSearchParams(req.getQuery()).get("token") ?? /^Bearer +(.+)$/i.exec(req.getHeader("authorization"))?.[1] ?? "",
        contentType: "",
      });
    } catch (error) {
      return void write(res, json(error instanceof Refusal ? error.status : 500, { error: error instanceof Error ? error.message : "" }));
    }
    const header = (name: string): string => req.getHeader(`sec-websocket-${name}`);
    res.upgrade({}, header("key"), header("protocol"), header("extensions"), context);
  }
}

function write(res: HttpResponse, { status, type, body }: Answer): void {
  res.writeStatus(`${status} ${REASONS[status] ?? ""}`);
  res.writeHeader("Content-Type", type);
  res.writeHeader("Cache-Control", "no-store");
  for (const [name, value] of SECURITY) res.writeHeader(name, value);
  if (status === 401) res.writeHeader("WWW-Authenticate", 'Bearer realm="sluice"');
  res.end(body);
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}
