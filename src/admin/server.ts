/** The admin plane's listener: health, metrics, JSON control, dashboard and live stream, on the main thread, apart from all SIP. */
import { closeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { messageOf } from "../base/message-of.js";
import { showHostPort, type HostPort } from "../config/host-port.js";
import { binding } from "../native/load.js";
import { portOwner } from "../base/port-owner.js";
import { version } from "../base/version.js";
import { Control } from "./control.js";
import { type StaticFile, dashboardFiles } from "./files.js";
import { Guard } from "./guard.js";
import { type Check, healthText, liveness, readiness } from "./health.js";
import { Live } from "./live.js";
import type { Metrics } from "./metrics.js";
import { ControlRefusal } from "./control-refusal.js";
import { ControlRequest } from "./control-request.js";
import type { Running } from "./running.js";
import { NodeServer } from "./web/node-server.js";
import type { WebAnswer, WebRequest, WebServer } from "./web/web-server.js";

const MAX_BODY = 64 * 1024;
/** What a start can do without is loaded then at the latest: later, another version may be installed in its place. */
const WARM_MS = 10_000;
// What the dashboard needs and nothing else: no scripts from elsewhere, no framing.
const SECURITY: readonly (readonly [string, string])[] = [
  ["Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
];

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

export class AdminServer {
  readonly control: Control;
  readonly #running: Running;
  readonly #guard: Guard;
  #metrics: Promise<Metrics> | undefined;
  readonly #files: ReadonlyMap<string, StaticFile>;
  readonly #live: Live;
  readonly #web: WebServer;
  readonly #warming: NodeJS.Timeout;
  #socket = -1;

  constructor(running: Running) {
    this.#running = running;
    this.control = new Control(running);
    this.#guard = new Guard(running.config.adminToken);
    this.#files = dashboardFiles();
    this.#live = new Live(this.control, running.tracer, running.history);
    this.#web = new NodeServer({
      mostBody: MAX_BODY,
      answer: async (request, body) => finished(await this.#answer(request, body)),
      refuse: (request) => this.#refuse(request),
      opened: (client) => this.#live.opened(client),
      closed: (client) => this.#live.closed(client),
    });
    this.#warming = setTimeout(() => this.#warmUp(), WARM_MS).unref();
  }

  /** The URL; throws one line when the address is in use. `open`: a socket that listens there already. */
  async listen({ host, port }: HostPort, open?: number): Promise<string> {
    const socket = open ?? binding.listenTcp(host, port);
    if (socket < 0) throw new Error(cannotListen(showHostPort(host, port), port, socket));
    this.#socket = socket;
    return `http://${showHostPort(host, await this.#listen())}/`;
  }

  /** Ours as long as this process lives, for another one that takes over. */
  get socket(): number {
    return this.#socket;
  }

  /** Another process listens now. Requests that are under way are still answered. */
  stopListening(): void {
    this.#web.stopListening();
  }

  async listenAgain(): Promise<void> {
    await this.#listen();
  }

  close(): void {
    clearTimeout(this.#warming);
    this.control.close();
    this.#live.close();
    this.#web.close();
    if (this.#socket >= 0) closeSync(this.#socket);
    this.#socket = -1;
  }

  async #listen(): Promise<number> {
    const port = await this.#web.listen(binding.duplicate(this.#socket));
    if (port === undefined) throw new Error("cannot listen on SLUICE_ADMIN_LISTEN");
    return port;
  }

  async #answer(request: WebRequest, body: string | undefined): Promise<Answer> {
    try {
      if (body === undefined) throw new ControlRefusal(413, `no more than ${MAX_BODY} octets`);
      return await this.#route(request, body);
    } catch (error) {
      if (error instanceof ControlRefusal) return json(error.status, { error: error.message });
      this.#running.log.error({ err: error, path: request.path }, "an admin request failed");
      return json(500, { error: messageOf(error) });
    }
  }

  async #route(request: WebRequest, body: string): Promise<Answer> {
    const { method, path, query } = request;
    const guard = this.#guarded(request);
    if (path === "/livez") return health(liveness(this.#running), query);
    if (path === "/readyz") return health(await readiness(this.#running), query);
    const file = method === "GET" || method === "HEAD" ? this.#files.get(path) : undefined;
    // The page itself contains no secrets: it asks for the token when the API refuses it.
    if (file) return { status: 200, type: file.type, body: file.octets };
    guard();
    if (path === "/metrics") return this.#measured();
    if (!path.startsWith("/api/")) throw new ControlRefusal(404, `there is no ${path}`);
    const { handler, places } = this.control.find(method, path.slice(5));
    // What it changed would be lost with this process.
    if (method !== "GET" && path !== "/api/upgrade" && this.#running.isUpgrading) throw new ControlRefusal(409, "an upgrade is under way: try again when it is done");
    const answer = await handler(new ControlRequest(places, query, body));
    // A trace that has been promised misses no message, and an address that has been banned gets none through.
    if (method !== "GET") await this.#running.pool.inquiries.carriedOut();
    return json(200, answer);
  }

  async #measured(): Promise<Answer> {
    this.#metrics ??= this.#openMetrics();
    const metrics = await this.#metrics;
    return { status: 200, type: metrics.contentType, body: await metrics.text() };
  }

  async #openMetrics(): Promise<Metrics> {
    const { Metrics: Opened } = await import("./metrics.js");
    return new Opened(this.#running, version(), () => this.control.bans.list().length);
  }

  #warmUp(): void {
    this.#web.warmUp();
    this.#metrics ??= this.#openMetrics();
    // Whoever asks for them is told what is wrong.
    this.#metrics.catch(() => undefined);
  }

  /** What the guard checks is read before the first await. */
  #guarded(request: WebRequest): () => void {
    const { method, header } = request;
    const asking = { method, host: header("host"), origin: header("origin"), token: bearer(request), contentType: header("content-type") };
    return () => this.#guard.check(asking);
  }

  #refuse(request: WebRequest): WebAnswer | undefined {
    const { header, query } = request;
    try {
      const token = new URLSearchParams(query).get("token") ?? bearer(request);
      this.#guard.check({ method: "GET", host: header("host"), origin: header("origin"), token, contentType: "" });
      return undefined;
    } catch (error) {
      return finished(json(error instanceof ControlRefusal ? error.status : 500, { error: error instanceof Error ? error.message : "" }));
    }
  }
}

function cannotListen(place: string, port: number, errno: number): string {
  const owner = getSystemErrorName(errno) === "EADDRINUSE" ? portOwner("tcp", port) : "";
  return `cannot listen on ${place} for the admin plane: ${getSystemErrorName(errno)}${owner === "" ? "" : `, ${owner}`}; SLUICE_ADMIN_LISTEN takes another address, or off`;
}

function health(checks: readonly Check[], query: string): Answer {
  return text(checks.every(({ ok }) => ok) ? 200 : 503, healthText(checks, new URLSearchParams(query).has("verbose")));
}

function bearer({ header }: WebRequest): string {
  return /^Bearer +(.+)$/i.exec(header("authorization"))?.[1] ?? "";
}

function finished({ status, type, body }: Answer): WebAnswer {
  const challenge: readonly (readonly [string, string])[] = status === 401 ? [["WWW-Authenticate", 'Bearer realm="sluice"']] : [];
  return { status, headers: [["Content-Type", type], ["Cache-Control", "no-store"], ...SECURITY, ...challenge], body };
}

function json(status: number, value: unknown): Answer {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

function text(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}
