/** Bindings in Redis or Valkey, shared by several registrars: one hash per address of record, one script per operation. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Cluster, type Redis } from "ioredis";
import { type Binding, lifeline } from "./binding.js";
import { monotonic } from "./clock.js";
import { FlowIndex } from "./flow-index.js";
import { type Row, fromRow, toRow } from "./row.js";
import { CommandLimit, type ConnectionListener, connectRedis } from "./redis-client.js";
import { REGISTER, REMOVE, REMOVE_FLOW } from "./redis-scripts.js";
import { type LocationStore, type RegisterOperation, type SaveResult, StoreUnavailable } from "./store.js";

const CLOCK_EVERY_MS = 30_000;
const FIRST_CONNECT_MS = 3_000;
/** Addresses of record of a flow per query, and entries of the index per turn. */
const SLICE = 50;
const LOOKED_AT = 2_000;
/** Keys that Redis examines per step. */
const SCANNED = 1_000;

/** The commands that `defineCommand` adds to a client. */
interface Scripts {
  sluiceRegister(...values: readonly string[]): Promise<readonly string[]>;
  sluiceRemove(...values: readonly string[]): Promise<number>;
  sluiceRemoveFlow(...values: readonly string[]): Promise<number>;
}

export class RedisStore implements LocationStore {
  readonly node: string;
  readonly #client: (Redis | Cluster) & Scripts;
  /** Only this process's flows can end here, so no other process needs to know them. */
  readonly #flows = new FlowIndex();
  readonly #timer: NodeJS.Timeout;
  readonly #limit = new CommandLimit();
  #offset = Date.now() - monotonic();

  private constructor(url: string, node: string, listener: ConnectionListener | undefined) {
    this.node = node;
    const client = connectRedis(url, listener);
    client.defineCommand("sluiceRegister", { numberOfKeys: 1, lua: REGISTER });
    client.defineCommand("sluiceRemove", { numberOfKeys: 1, lua: REMOVE });
    client.defineCommand("sluiceRemoveFlow", { numberOfKeys: 1, lua: REMOVE_FLOW });
    this.#client = client as (Redis | Cluster) & Scripts;
    client.on("ready", () => void this.#setClock());
    this.#timer = setInterval(() => void this.#setClock(), CLOCK_EVERY_MS).unref();
  }

  /** Waits briefly for the server, then goes on without: it may come later. */
  static async open(url: string, node: string, listener?: ConnectionListener): Promise<RedisStore> {
    const store = new RedisStore(url, node, listener);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FIRST_CONNECT_MS);
      store.#client.once("ready", () => {
        clearTimeout(timer);
        resolve();
      });
    });
    await store.#setClock();
    return store;
  }

  now(): number {
    return monotonic() + this.#offset;
  }

  async save(aor: string, { callId, cseq, everything, put, drop, maxContacts, maxFlows }: RegisterOperation): Promise<SaveResult> {
    // Before the reply, which may be lost although the server carried the command out.
    for (const binding of put) {
      const flow = lifeline(binding);
      if (flow !== undefined) this.#flows.add(flow, aor, binding.expiresAt);
    }
    const numbers = [this.now(), callId, cseq, everything ? 1 : 0, maxContacts, maxFlows, drop.length].map(String);
    const rows = put.map((binding) => JSON.stringify(toRow(binding)));
    const [outcome, ...after] = await this.#ask(() => this.#client.sluiceRegister(hashOf(aor), ...numbers, ...drop, ...rows));
    if (outcome === "out-of-order" || outcome === "full") return { outcome };
    return { outcome: "saved", bindings: after.map((text) => read(aor, text)) };
  }

  async lookup(aor: string): Promise<readonly Binding[]> {
    const rows = await this.#ask(() => this.#client.hvals(hashOf(aor)));
    const now = this.now();
    return rows.map((text) => read(aor, text)).filter(({ expiresAt }) => expiresAt > now);
  }

  async remove(aor: string, key: string, seen = Number.MAX_SAFE_INTEGER): Promise<void> {
    await this.#ask(() => this.#client.sluiceRemove(hashOf(aor), key, String(seen)));
  }

  async removeFlow(flow: string): Promise<number> {
    let removed = 0;
    for (let aors = this.#flows.take(flow, SLICE); aors.length > 0; aors = this.#flows.take(flow, SLICE)) {
      const counts = await Promise.all(aors.map((aor) => this.#ask(() => this.#client.sluiceRemoveFlow(hashOf(aor), flow, this.node))));
      removed += counts.reduce((sum, count) => sum + count, 0);
    }
    return removed;
  }

  /** Redis expires whole addresses of record by itself, and every save drops the expired bindings of its own. */
  async expire(): Promise<number> {
    while (!this.#flows.expireSome(this.now(), LOOKED_AT)) await nextTurn();
    return 0;
  }

  /** By Redis's cursor; in a cluster, one master after the other. */
  async addresses(from: string): Promise<{ readonly aors: readonly string[]; readonly next: string }> {
    const [number = 0, cursor = "0"] = from === "" ? [] : [Number(from.split(":")[0]), from.split(":")[1]];
    const client = this.#client;
    const nodes = "nodes" in client ? client.nodes("master") : [client];
    const node = nodes[number];
    if (node === undefined) return { aors: [], next: "" };
    const [after, keys] = await this.#ask(() => node.scan(cursor, "MATCH", hashOf("*"), "COUNT", SCANNED));
    const aors = keys.flatMap((key) => /^sluice:aor:\{(.*)\}$/s.exec(key)?.[1] ?? []);
    return { aors, next: after !== "0" ? `${number}:${after}` : number + 1 < nodes.length ? `${number + 1}:0` : "" };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#client.quit().catch(() => undefined);
    this.#client.disconnect();
  }

  /** All registrars use the server's clock, by which it also expires keys. */
  async #setClock(): Promise<void> {
    try {
      const begin = monotonic();
      const [seconds = 0, microseconds = 0] = (await this.#client.time()).map(Number);
      const middle = (begin + monotonic()) / 2;
      this.#offset = Math.floor(seconds * 1_000 + microseconds / 1_000 - middle);
    } catch {
      // While the server is away the last offset will do.
    }
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await this.#limit.run(command);
    } catch (error) {
      throw new StoreUnavailable("Redis does not answer", { cause: error });
    }
  }
}

function hashOf(aor: string): string {
  return `sluice:aor:{${aor}}`;
}

function read(aor: string, text: string): Binding {
  return fromRow(aor, JSON.parse(text) as Row);
}
