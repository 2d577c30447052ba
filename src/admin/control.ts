/** The JSON API: every query and command of the operator, one line each. docs/operate/control.md lists them. */
import { Counter } from "../native/layout.js";
import { printConfig } from "../config/print.js";
import { readEnvironment } from "../config/environment.js";
import { table } from "../config/table.js";
import { banFileOf } from "./ban-file.js";
import { Bans } from "./bans.js";
import { Flows } from "./flows.js";
import { historyPage } from "./history-page.js";
import { dropFarmKey, rotateFarmKeys } from "./farm-keys.js";
import { farm } from "./farm-view.js";
import { addKey, dropKey, keyViews, putFirst, rotateKeys } from "./keys.js";
import { Neighbours } from "./neighbours.js";
import { where } from "./where.js";
import { type FlowKey, flowKey } from "../config/flow-key.js";
import { Unexpected } from "../config/kind.js";
import { textOf } from "../config/read.js";
import { Lists, type PageRequest } from "./lists.js";
import { LogLevel } from "./log-level.js";
import { ControlRefusal } from "./control-refusal.js";
import type { ControlRequest } from "./control-request.js";
import type { DrainView } from "./drain-view.js";
import type { BindingsView, Running } from "./running.js";
import { Starts } from "./starts.js";
import { StatusPage } from "./status.js";
import { explainToken } from "./token.js";

const MAX_LISTED = 1_000;
const USUAL_LISTED = 100;
const DAY = 86_400;

type Handler = (request: ControlRequest) => unknown;

export class Control {
  readonly status: StatusPage;
  readonly logLevel: LogLevel;
  readonly flows: Flows;
  readonly lists: Lists;
  readonly bans: Bans;
  readonly #running: Running;
  readonly #routes: readonly (readonly [method: string, pattern: RegExp, handler: Handler])[];

  constructor(running: Running) {
    this.#running = running;
    const { pool, log, tracer } = running;
    const starts = new Starts(running.config.stateDir, running.boot);
    this.status = new StatusPage(running);
    this.logLevel = new LogLevel(log, running.config.logLevel);
    this.flows = new Flows(pool, running.listeners, running.bindings);
    this.lists = new Lists(pool, this.flows);
    this.bans = new Bans(pool, log, banFileOf(running.config.stateDir), (happening) => running.history.record([happening]));
    const neighbours = new Neighbours(running);
    const limit = (request: ControlRequest): number => request.number("limit", USUAL_LISTED, 1, MAX_LISTED);
    const page = (request: ControlRequest): PageRequest => ({ limit: limit(request), from: request.optionalText("from", ""), word: request.optionalText("q", ""), sort: request.optionalText("sort", "") });
    const seconds = (request: ControlRequest, otherwise: number): number => request.number("seconds", otherwise, 1, DAY);
    this.#routes = [
      route("GET", "status", () => this.status.read()),
      route("GET", "config", () => ({ lines: printConfig(readEnvironment()).trimEnd().split("\n") })),
      route("GET", "flows", (request) => this.flows.list(request.optionalText("q", ""), limit(request), request.optionalText("from", ""), { silence: request.optionalText("silence", ""), age: request.optionalText("age", "") })),
      route("GET", "flows/*", (request) => this.flows.byId(request.place(0))),
      route("DELETE", "flows/*", async (request) => this.#done(await this.flows.close(request.place(0)))),
      route("GET", "ended", async (request) => {
        const { rows, ...rest } = await this.lists.ended(page(request));
        return { flows: rows, ...rest };
      }),
      route("GET", "survey", () => this.flows.survey()),
      route("GET", "silent", (request) => this.lists.silent(page(request))),
      route("GET", "top-talkers", (request) => this.lists.talkers(page(request), request.number("seconds", 2, 1, 60))),
      route("GET", "flappers", (request) => this.lists.flappers(page(request), seconds(request, 3_600))),
      route("GET", "refused", (request) => this.lists.refused(page(request))),
      route("GET", "bindings", (request) => this.#bindings().list({ ...page(request), domain: request.optionalText("domain", ""), withinSeconds: request.number("within", 0, 0, 365 * DAY) })),
      route("DELETE", "bindings/*", async (request) => this.#removeBindings(request.place(0))),
      route("GET", "history", (request) => historyPage(running.history, limit(request), request)),
      route("GET", "shards", () => ({ shards: this.#shards() })),
      route("GET", "upstreams", async () => ({ upstreams: await this.#upstreams() })),
      route("GET", "token/*", (request) => explainToken(running, starts, request.place(0))),
      route("GET", "keys", () => ({ keys: keyViews(running) })),
      route("POST", "keys", (request) => ({ keys: addKey(running, keyIn(request), keysAreInFile()) })),
      route("POST", "keys/rotate", async (request) => ({
        keys: request.optionalText("farm", "") === "" ? rotateKeys(running, keysAreInFile()) : await rotateFarmKeys(running, neighbours, keysAreInFile()),
      })),
      route("PUT", "keys/*/first", (request) => ({ keys: putFirst(running, idIn(request), keysAreInFile()) })),
      route("DELETE", "keys/*", async (request) => {
        if (request.optionalText("farm", "") !== "") await dropFarmKey(running, neighbours, idIn(request));
        return { keys: dropKey(running, idIn(request), keysAreInFile()) };
      }),
      route("GET", "farm", () => farm(running, this.status, neighbours)),
      route("GET", "where/*", (request) => where(running, this.flows, neighbours, request.place(0))),
      route("GET", "certificates", () => ({ certificates: running.certificates() })),
      route("GET", "bans", () => ({ bans: this.bans.list() })),
      route("POST", "bans", (request) => this.#done(this.bans.add(request.text("address"), seconds(request, 3_600)))),
      route("DELETE", "bans/*", (request) => this.#done(this.bans.remove(request.place(0)))),
      route("GET", "log", () => this.logLevel.view),
      route("PUT", "log", (request) => this.logLevel.setFor(request.text("level"), seconds(request, 600))),
      route("GET", "traces", () => ({ traces: tracer.active })),
      route("POST", "traces", (request) => tracer.start(request.text("what"), seconds(request, 600))),
      route("GET", "traces/*", (request) => ({ messages: tracer.messages(request.place(0)).filter(({ at }) => at > Number(request.optionalText("after", "0"))) })),
      route("DELETE", "traces/*", (request) => this.#done(tracer.stop(request.place(0)))),
      route("POST", "reload", () => running.reload()),
      route("POST", "upgrade", () => running.upgrade("the operator")),
      route("GET", "drain", () => ({ drain: running.drainView ?? null })),
      route("POST", "drain", (request) => this.#drain(request.optionalText("action", "start"))),
    ];
  }

  /** The route of a path below /api/, with the values of its placeholders; refuses an unknown path. */
  find(method: string, path: string): { readonly handler: Handler; readonly places: readonly string[] } {
    const matching = this.#routes.flatMap(([verb, pattern, handler]) => {
      const match = pattern.exec(path);
      return match ? [{ verb, handler, places: match.slice(1).map(decode) }] : [];
    });
    const found = matching.find(({ verb }) => verb === method);
    if (found) return found;
    if (matching.length > 0) throw new ControlRefusal(405, `${method} is not for ${path}: ${matching.map(({ verb }) => verb).join(", ")}`);
    throw new ControlRefusal(404, `there is no ${path}`);
  }

  close(): void {
    this.status.close();
    this.logLevel.close();
    this.bans.close();
  }

  #done(_: void): { readonly ok: true } {
    return { ok: true };
  }

  #drain(action: string): { readonly drain: DrainView | null } {
    const running = this.#running;
    const { drainView } = running;
    if (action === "start") running.drain();
    else if (action !== "pause" && action !== "stop") throw new ControlRefusal(400, `action: expected start, pause or stop, not ${action}`);
    else if (drainView === undefined) throw new ControlRefusal(409, "it is not draining");
    else if (action === "pause") running.pauseDrain();
    // Whoever sent the signal waits for the end, and will not wait for ever.
    else if (drainView.by.startsWith("SIG")) throw new ControlRefusal(409, `${drainView.by} began this drain: the process has to end. \`sluice drain --pause\` holds it up`);
    else running.stay();
    return { drain: running.drainView ?? null };
  }

  #bindings(): BindingsView {
    const { bindings } = this.#running;
    if (bindings === undefined) throw new ControlRefusal(409, "an edge has no bindings: they are with its registrar. `sluice flows` shows which AORs are on which flow");
    return bindings;
  }

  async #removeBindings(aor: string): Promise<{ readonly removed: number }> {
    const removed = await this.#bindings().remove(aor);
    if (removed === 0) throw new ControlRefusal(404, `${aor} has no bindings`);
    this.#running.log.warn({ removed }, "the operator removed bindings");
    return { removed };
  }

  #shards(): readonly Readonly<Record<string, number>>[] {
    const { pool } = this.#running;
    return Array.from({ length: pool.size }, (_, shard) => ({
      shard,
      ...Object.fromEntries(Object.entries(Counter).map(([name, which]) => [name, Number(pool.seats.of(shard).counter(which))])),
    }));
  }

  /** Each shard judges for itself whether a target is alive. */
  async #upstreams(): Promise<readonly object[]> {
    const answers = await this.#running.pool.inquiries.askAll({ kind: "upstreams" });
    return (answers[0]?.answer ?? []).map((target, at) => ({
      ...target,
      aliveIn: answers.filter(({ answer }) => answer[at]?.alive === true && answer[at].spoken).length,
      shards: answers.length,
    }));
  }
}

function route(method: string, path: string, handler: Handler): readonly [string, RegExp, Handler] {
  return [method, new RegExp(`^${path.replace("*", "([^/]+)")}$`), handler];
}

/** The environment wins over the file, so what only the file says would be gone after a restart. */
function keysAreInFile(): boolean {
  return textOf(table.flowKeys, readEnvironment()) === undefined;
}

function keyIn(request: ControlRequest): FlowKey {
  try {
    return flowKey.parse(request.text("key"));
  } catch (error) {
    if (error instanceof Unexpected) throw new ControlRefusal(400, `key: expected ${error.message}`);
    throw error;
  }
}

function idIn(request: ControlRequest): number {
  const id = Number(request.place(0));
  if (!Number.isInteger(id) || id < 0 || id > 63) throw new ControlRefusal(400, "expected the id of a key, from 0 to 63");
  return id;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ControlRefusal(400, "the path has a broken % escape");
  }
}
