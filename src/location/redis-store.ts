/** Bindings in Redis or Valkey, shared by several registrars: one hash per address of record, one script per operation. */
import { hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type Cluster, type Redis } from "ioredis";
import { type Binding, lifeline } from "./binding.js";
import { monotonic } from "./clock.js";
import { BINDING_EVENTS, type BindingEvent, type BindingNewsRow } from "../native/inspect.js";
import { FlowIndex } from "./flow-index.js";
import { networkOf } from "../observe/network.js";
import { readRow, toRow } from "./row.js";
import { CommandLimit, type ConnectionListener, closeRedis, connectRedis } from "./redis-client.js";
import { type BatchRow, RedisBatches } from "./redis-batches.js";
import { CHARGE, FIND, MOST_ROWS, REGISTER, REGISTERS, REMOVE, REMOVE_FLOW, ROWS } from "./redis-scripts.js";
import { type LocationStore, MAX_BINDINGS, type RegisterOperation, type SaveResult, StoreUnavailable } from "./store.js";

const CLOCK_EVERY_MS = 30_000;
const FIRST_CONNECT_MS = 3_000;
/** Addresses of record of a flow per query, and entries of the index per turn. */
const SLICE = 50;
const LOOKED_AT = 2_000;
/** Keys that Redis examines per step. */
const SCANNED = 1_000;
/** A source may have an eighth of `SLUICE_MAX_BINDINGS`. */
const SHARES = 8;
const KEPT_SECONDS = 3_600;
/** Characters of a binding's name among those of its source. */
const MEMBER = 16;

/** The commands that `defineCommand` adds to a client. */
interface Scripts {
  sluiceRegister(...values: readonly string[]): Promise<readonly [outcome: string, after?: readonly string[], news?: readonly string[]]>;
  sluiceRegistersBuffer(keys: number, ...values: readonly (string | Uint8Array)[]): Promise<readonly Buffer[]>;
  sluiceFindBuffer(keys: number, ...values: readonly string[]): Promise<Buffer>;
  sluiceRows(hash: string): Promise<readonly string[] | null>;
  sluiceCharge(...values: readonly string[]): Promise<number>;
  sluiceRemove(...values: readonly string[]): Promise<string | null>;
  sluiceRemoveFlow(...values: readonly string[]): Promise<readonly string[]>;
}

export interface RedisStoreOptions {
  readonly maxBindings?: number;
  readonly listener?: ConnectionListener | undefined;
  /** Called when Redis refuses a single REGISTER of a batch, and when it has what cannot be read; it may come with every request. */
  readonly report?: (error: unknown) => void;
  /** Hears what happens to bindings through this node. */
  readonly tell?: (news: BindingNewsRow) => void;
  /** So many rows of an address cannot be read and are left out. */
  readonly unread?: (rows: number) => void;
}

export class RedisStore implements LocationStore {
  readonly node: string;
  readonly batches: RedisBatches | undefined;
  readonly #client: (Redis | Cluster) & Scripts;
  /** Only this process's flows can end here, so no other process needs to know them. */
  readonly #flows = new FlowIndex();
  readonly #timer: NodeJS.Timeout;
  readonly #limit = new CommandLimit();
  readonly #tell: (news: BindingNewsRow) => void;
  readonly #unread: (rows: number) => void;
  readonly #fault: (error: unknown) => void;
  #offset = Date.now() - monotonic();
  #most: number;
  /** By address of record: when what the last REGISTER asks for is on its way. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Of flows that ended; the process waits for it as it ends. */
  readonly #removing = new Set<Promise<number>>();

  private constructor(url: string, node: string, { maxBindings = MAX_BINDINGS, listener, report = () => undefined, tell = () => undefined, unread = () => undefined }: RedisStoreOptions) {
    this.node = node;
    this.#most = maxBindings / SHARES;
    this.#tell = tell;
    this.#unread = unread;
    this.#fault = report;
    const client = connectRedis(url, listener);
    client.defineCommand("sluiceRegister", { numberOfKeys: 1, lua: REGISTER });
    client.defineCommand("sluiceRegisters", { lua: REGISTERS });
    client.defineCommand("sluiceFind", { lua: FIND });
    client.defineCommand("sluiceRows", { numberOfKeys: 1, lua: ROWS });
    client.defineCommand("sluiceCharge", { numberOfKeys: 1, lua: CHARGE });
    client.defineCommand("sluiceRemove", { numberOfKeys: 1, lua: REMOVE });
    client.defineCommand("sluiceRemoveFlow", { numberOfKeys: 1, lua: REMOVE_FLOW });
    this.#client = client as (Redis | Cluster) & Scripts;
    // The keys of a script must be on one server.
    if (!("nodes" in client)) this.batches = new RedisBatches({ run: this.#runBatch.bind(this), find: this.#findBatch.bind(this), onEvent: (event, aor, row) => this.#report(event as BindingEvent, aor, row), onFault: report });
    client.on("ready", () => void this.#setClock());
    this.#timer = setInterval(() => void this.#setClock(), CLOCK_EVERY_MS).unref();
  }

  /** Waits briefly for the server, then goes on without: it may come later. */
  static async open(url: string, node: string, options: RedisStoreOptions = {}): Promise<RedisStore> {
    const store = new RedisStore(url, node, options);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        options.listener?.(false, new Error(`Redis is not ready after ${FIRST_CONNECT_MS / 1_000} s: going on without it`));
        resolve();
      }, FIRST_CONNECT_MS);
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

  setMost(maxBindings: number): void {
    this.#most = maxBindings / SHARES;
  }

  async save(aor: string, operation: RegisterOperation): Promise<SaveResult> {
    const reply = await this.#inTurn(aor, operation);
    if (reply === undefined) return { outcome: "source-full" };
    const [outcome, after = [], news = []] = await reply.rows;
    if (outcome === "out-of-order" || outcome === "full") return { outcome };
    for (const line of news) {
      const end = line.indexOf(" ");
      this.#report(line.slice(0, end) as BindingEvent, aor, line.slice(end + 1));
    }
    return { outcome: "saved", bindings: this.#readAll(aor, after) };
  }

  /** Sends it at once. */
  #register(aor: string, { callId, cseq, everything, put, drop, maxContacts, maxFlows }: RegisterOperation): Sent {
    // Before the reply, which may be lost although the server carried the command out.
    for (const binding of put) {
      const flow = lifeline(binding);
      if (flow !== undefined) this.#flows.add(flow, aor, binding.expiresAt);
    }
    const numbers = [this.now(), callId, cseq, everything ? 1 : 0, maxContacts, maxFlows, drop.length].map(String);
    const rows = put.map((binding) => JSON.stringify(toRow(binding)));
    return { rows: this.#ask(() => this.#client.sluiceRegister(hashOf(aor), ...numbers, ...drop, ...rows)) };
  }

  async #runBatch(rows: readonly BatchRow[], operations: Uint8Array): Promise<readonly Buffer[]> {
    const keys: string[] = [];
    for (const { aor, flow, payer, expiresAt } of rows) {
      // As in `save`.
      if (flow !== "") this.#flows.add(flow, aor, expiresAt);
      keys.push(hashOf(aor));
      if (payer !== "") keys.push(sourceOf(payer));
    }
    return this.#ask(() => this.#client.sluiceRegistersBuffer(keys.length, ...keys, operations, String(this.#most)));
  }

  async #findBatch(aors: readonly string[]): Promise<Uint8Array> {
    return this.#ask(() => this.#client.sluiceFindBuffer(aors.length, ...aors.map(hashOf)));
  }

  async lookup(aor: string): Promise<readonly Binding[]> {
    const before = this.#turns.get(aor);
    if (before !== undefined) await before;
    const rows = await this.#ask(() => this.#client.sluiceRows(hashOf(aor)));
    if (rows === null) throw new Error(`${hashOf(aor)} has more than ${MOST_ROWS} rows in Redis, which no registrar writes: delete it, and the phone registers again`);
    const now = this.now();
    return this.#readAll(aor, rows).filter(({ expiresAt }) => expiresAt > now).sort(byAge);
  }

  async remove(aor: string, key: string, seen = Number.MAX_SAFE_INTEGER): Promise<void> {
    const text = await this.#ask(() => this.#client.sluiceRemove(hashOf(aor), key, String(seen)));
    // Who says which binding it saw has found that its flow is gone.
    if (text !== null) this.#report(seen === Number.MAX_SAFE_INTEGER ? "withdrawn" : "flow-gone", aor, text);
  }

  async removeFlow(flow: string, isLeaving = false): Promise<number> {
    const removing = this.#removeFlow(flow, isLeaving);
    this.#removing.add(removing);
    try {
      return await removing;
    } finally {
      this.#removing.delete(removing);
    }
  }

  async #removeFlow(flow: string, isLeaving: boolean): Promise<number> {
    let removed = 0;
    for (let aors = this.#flows.take(flow, SLICE); aors.length > 0; aors = this.#flows.take(flow, SLICE)) {
      const gone = await Promise.all(aors.map(async (aor) => ({ aor, texts: await this.#ask(() => this.#client.sluiceRemoveFlow(hashOf(aor), flow, this.node)) })));
      // A drain ends them all, which is one event and not ten thousand.
      if (!isLeaving) for (const { aor, texts } of gone) for (const text of texts) this.#report("flow-gone", aor, text);
      const rows = gone.flatMap(({ aor, texts }) => texts.map((text) => JSON.stringify([aor, JSON.parse(text)])));
      removed += rows.length;
      const [one] = rows;
      if (isLeaving && one !== undefined) await this.#keep(flow, one);
    }
    return removed;
  }

  /** As the store has it for the next run of this node, which comes soon or not at all. */
  async #keep(flow: string, binding: string): Promise<void> {
    const kept = `sluice:past:{${this.node}}`;
    await this.#ask(() => this.#client.hset(kept, flow, binding));
    await this.#ask(() => this.#client.expire(kept, KEPT_SECONDS));
  }

  async past(): Promise<readonly Binding[]> {
    const kept = `sluice:past:{${this.node}}`;
    const texts = await this.#ask(() => this.#client.hvals(kept));
    await this.#ask(() => this.#client.del(kept));
    return texts.flatMap((text) => readKept(text) ?? []);
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
    await Promise.allSettled(this.#removing);
    await closeRedis(this.#client);
  }

  /**
   * Sends the operation, unless its source has no share left. To learn that takes a command of its own, so whatever comes next for the same address waits
   * until this one is on its way.
   */
  #inTurn(aor: string, operation: RegisterOperation): Sent | Promise<Sent | undefined> {
    const { payer, put } = operation;
    const before = this.#turns.get(aor);
    const isCharged = payer !== undefined && put.length > 0;
    if (before === undefined && !isCharged) return this.#register(aor, operation);
    const sent = (async () => {
      await before;
      return isCharged && !(await this.#charge(payer, put)) ? undefined : this.#register(aor, operation);
    })();
    const settled = sent.catch(() => undefined).finally(() => {
      if (this.#turns.get(aor) === settled) this.#turns.delete(aor);
    });
    this.#turns.set(aor, settled);
    return sent;
  }

  /** False: the source has used up its share. What its bindings are called there is short, whatever it registers. */
  async #charge(payer: string, put: readonly Binding[]): Promise<boolean> {
    const members = put.flatMap(({ aor, key, expiresAt }) => [String(expiresAt), hash("sha256", `${aor}\n${key}`, "base64url").slice(0, MEMBER)]);
    return (await this.#ask(() => this.#client.sluiceCharge(sourceOf(payer), String(this.now()), String(this.#most), ...members))) === 1;
  }

  /** One row that is damaged, or another version's, does not make the others unreachable. */
  #readAll(aor: string, texts: readonly string[]): readonly Binding[] {
    const bindings = texts.flatMap((text) => readIfSound(aor, text) ?? []);
    const unread = texts.length - bindings.length;
    if (unread > 0) {
      this.#unread(unread);
      this.#fault(new Error(`${unread} of ${texts.length} rows of ${hashOf(aor)} in Redis cannot be read and are left out: see who else writes there`));
    }
    return bindings;
  }

  #report(event: BindingEvent, aor: string, text: string): void {
    const [binding] = this.#readAll(aor, [text]);
    if (binding === undefined) return;
    const { contactUri, instance = "", regId = 0, userAgent = "", callId } = binding;
    this.#tell({ event: BINDING_EVENTS.indexOf(event), agoMs: 0, regId, aor, contact: contactUri, instance, userAgent, callId });
  }

  /** All registrars use the server's clock, by which it also expires keys. */
  async #setClock(): Promise<void> {
    try {
      const begin = monotonic();
      const [seconds = 0, microseconds = 0] = (await this.#client.time()).map(Number);
      const middle = (begin + monotonic()) / 2;
      this.#offset = Math.floor(seconds * 1_000 + microseconds / 1_000 - middle);
      this.batches?.setClock(this.#offset);
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

/** A reply that is to come: as an object, so that nobody waits for it by mistake. */
interface Sent {
  readonly rows: ReturnType<Scripts["sluiceRegister"]>;
}

function hashOf(aor: string): string {
  return `sluice:aor:{${aor}}`;
}

function sourceOf(client: string): string {
  return `sluice:source:{${networkOf(client)}}`;
}

/** Undefined: it is damaged, or another version's. */
function readKept(text: string): Binding | undefined {
  try {
    const [aor, row] = JSON.parse(text) as readonly [string, unknown];
    return readRow(aor, JSON.stringify(row));
  } catch {
    return undefined;
  }
}

function readIfSound(aor: string, text: string): Binding | undefined {
  try {
    return readRow(aor, text);
  } catch {
    return undefined;
  }
}

/** As the scripts list them. */
function byAge(one: Binding, other: Binding): number {
  return one.updatedAt - other.updatedAt || (one.key < other.key ? -1 : 1);
}
