/**
 * Learns from Redis which keys change (CLIENT TRACKING with BCAST, Redis 6 and Valkey), so that what was read of them may be used until then. A cluster, a server
 * that does not do that, and one that is away: nothing may be used.
 */
import type { Redis } from "ioredis";
import { closeRedis, connectSubscriber } from "./redis-client.js";

const CHANNEL = "__redis__:invalidate";
const PING_MS = 500;
/** What has not been heard for so long may have said something meanwhile. */
const TRUSTED_MS = 2_000;
/** More keys in one piece of news: as if all had changed. */
const MOST_KEYS = 1_000;

export class RedisChanges {
  readonly #client: Redis | undefined;
  readonly #prefix: string;
  readonly #onChange: (key: string) => void;
  readonly #pinging: NodeJS.Timeout;
  #count = 0;
  #era = 0;
  /** When a ping that was answered was sent; undefined: changes are not heard. */
  #heard: number | undefined;

  /** `onChange` gets each key with that prefix that has changed; its octets are latin1 characters. */
  constructor(url: string, prefix: string, onChange: (key: string) => void) {
    this.#prefix = prefix;
    this.#onChange = onChange;
    this.#client = connectSubscriber(url);
    this.#client?.on("ready", () => void this.#begin().catch(() => this.#lose()));
    this.#client?.on("close", () => this.#lose());
    this.#client?.on("messageBuffer", (_channel: unknown, keys: unknown) => this.#changed(keys));
    this.#pinging = setInterval(() => void this.#ping().catch(() => this.#lose()), PING_MS);
    this.#pinging.unref();
  }

  /** Changes so far. */
  get count(): number {
    return this.#count;
  }

  /** While this is the same number, every change is heard; undefined: it is not known whether it would be. */
  get era(): number | undefined {
    return this.#heard !== undefined && performance.now() - this.#heard < TRUSTED_MS ? this.#era : undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.#pinging);
    if (this.#client !== undefined) await closeRedis(this.#client);
  }

  /** The connection subscribes to its own news. */
  async #begin(): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    const began = performance.now();
    const id = await client.client("ID");
    await client.call("CLIENT", "TRACKING", "ON", "REDIRECT", String(id), "BCAST", "PREFIX", this.#prefix);
    await client.subscribe(CHANNEL);
    this.#lose();
    this.#heard = began;
  }

  async #ping(): Promise<void> {
    if (this.#client === undefined || this.#heard === undefined) return;
    const era = this.#era;
    const asked = performance.now();
    await this.#client.ping();
    if (this.#era === era) this.#heard = asked;
  }

  #changed(keys: unknown): void {
    this.#count += 1;
    // All have, or too many.
    if (!Array.isArray(keys) || keys.length > MOST_KEYS) this.#era += 1;
    else for (const key of keys) this.#onChange(Buffer.isBuffer(key) ? key.toString("latin1") : String(key));
  }

  #lose(): void {
    this.#count += 1;
    this.#era += 1;
    this.#heard = undefined;
  }
}
