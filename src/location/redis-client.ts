/** Connections to Redis or Valkey: one server, several behind Sentinel, or a cluster. */
import { Cluster, type CommonRedisOptions, Redis } from "ioredis";
import { readRedisUrl } from "../config/redis-url.js";

/** Called when the server is reached or lost; `error` is the last one seen. */
export type ConnectionListener = (isUp: boolean, error?: Error) => void;

const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RETRY_MS = 1_000;
/** A server that leaves commands unanswered for so long hangs: the connection and what waits on it are given up. */
const SILENCE_MS = 3_000;
const MAX_WAITING = 4_000;

// A command fails at once while the server is unreachable: a request that waits in a queue helps no one.
const COMMON = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SILENCE_MS,
  enableAutoPipelining: true,
  // They are batches already, and need not wait for the answers to those before them.
  autoPipeliningIgnoredCommands: ["sluiceRegisters", "sluiceFind"],
  // A server that became a replica must be left, as it takes no writes.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
} satisfies CommonRedisOptions;

interface SubscriberOptions {
  readonly autoResubscribe: false;
  readonly protocol: 2;
}

/** Those that were told to end. */
const leaving = new WeakSet<Redis | Cluster>();

const retryDelay = (times: number): number => Math.min(times * 50, MAX_RETRY_MS);

/** A client for a URL as redis-url.ts reads it. It connects and reconnects by itself. */
export function connectRedis(url: string, listener: ConnectionListener = () => undefined, more: SubscriberOptions | Record<never, never> = {}): Redis | Cluster {
  const client = makeClient(url, more);
  let lastError: Error | undefined;
  let isUp: boolean | undefined;
  const tell = (up: boolean): void => {
    if (up === isUp) return;
    isUp = up;
    listener(up, up ? undefined : lastError);
  };
  client.on("error", (error: Error) => {
    lastError = error;
  });
  client.on("ready", () => tell(true));
  client.on("close", () => tell(false));
  // A failover that a sentinel announces while the client is connecting ends it for good (ioredis 6.0).
  client.on("end", () => {
    const again = (): void => void (leaving.has(client) || client.connect().catch(() => undefined));
    setTimeout(again, MAX_RETRY_MS).unref();
  });
  return client;
}

/** One that hears what is published, and does not subscribe again by itself; undefined: a cluster. */
export function connectSubscriber(url: string): Redis | undefined {
  if (readRedisUrl(url).kind === "cluster") return undefined;
  // With RESP3 news has a form that ioredis 6.0 does not pass on.
  const client = connectRedis(url, undefined, { autoResubscribe: false, protocol: 2 });
  return client instanceof Redis ? client : undefined;
}

/** Waits for commands that were sent. */
export async function closeRedis(client: Redis | Cluster): Promise<void> {
  leaving.add(client);
  await client.quit().catch(() => undefined);
  client.disconnect();
}

/** Limits the commands that wait for an answer: while the server hangs, requests fail at once instead of piling up. */
export class CommandLimit {
  #waiting = 0;

  async run<T>(command: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING) throw new Error(`${MAX_WAITING} commands wait for Redis`);
    this.#waiting += 1;
    try {
      return await command();
    } finally {
      this.#waiting -= 1;
    }
  }
}

function makeClient(url: string, more: SubscriberOptions | Record<never, never>): Redis | Cluster {
  const { kind, isTls, hosts, username, password, name } = readRedisUrl(url);
  const tls = isTls ? { tls: {} } : {};
  const login = { ...(username !== "" && { username }), ...(password !== "" && { password }) };
  if (kind === "cluster") {
    return new Cluster([...hosts], {
      enableOfflineQueue: false,
      // ioredis gives up a pipeline in which several commands were MOVED, and never asks for the new slot map.
      enableAutoPipelining: false,
      clusterRetryStrategy: retryDelay,
      redisOptions: { ...COMMON, enableAutoPipelining: false, ...login, ...tls },
    });
  }
  const options = { ...COMMON, ...login, ...tls, retryStrategy: retryDelay, ...more };
  if (kind === "sentinel") {
    return new Redis({ ...options, sentinels: [...hosts], name, failoverDetector: true, sentinelRetryStrategy: retryDelay });
  }
  const db = name === "" ? 0 : Number(name);
  return new Redis({ ...options, ...hosts[0], db });
}
