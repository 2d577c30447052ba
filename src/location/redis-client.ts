/** Connections to Redis or Valkey: one server, several behind Sentinel, or a cluster. */
import { Cluster, type CommonRedisOptions, Redis } from "ioredis";
import { readRedisUrl } from "../config/redis-url.js";

/** Told when the server is reached and when it is lost; `error` is the last one seen. */
export type ConnectionListener = (isUp: boolean, error?: Error) => void;

const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RETRY_MS = 1_000;
/** A server that is silent so long though it was asked hangs: what waits for it is given up with the connection. */
const SILENCE_MS = 3_000;
const MAX_WAITING = 4_000;

// A command fails at once while the server is away: a request that waits in a queue is of no use to anybody.
const COMMON = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  socketTimeout: SILENCE_MS,
  enableAutoPipelining: true,
  // A server that became a replica must be left, or the writes go nowhere.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
} satisfies CommonRedisOptions;

const retryDelay = (times: number): number => Math.min(times * 50, MAX_RETRY_MS);

/** A client for a URL as redis-url.ts reads it. It connects by itself, again and again. */
export function connectRedis(url: string, listener: ConnectionListener = () => undefined): Redis | Cluster {
  const client = makeClient(url);
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
  return client;
}

/** No more commands wait for an answer than the server gives in a moment: while it hangs, requests fail at once instead of piling up. */
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

function makeClient(url: string): Redis | Cluster {
  const { kind, isTls, hosts, username, password, name } = readRedisUrl(url);
  const tls = isTls ? { tls: {} } : {};
  const login = { ...(username !== "" && { username }), ...(password !== "" && { password }) };
  if (kind === "cluster") {
    return new Cluster([...hosts], {
      enableOfflineQueue: false,
      // A pipeline of which several commands were MOVED is given up as a whole, and the new map of slots is never asked for.
      enableAutoPipelining: false,
      clusterRetryStrategy: retryDelay,
      redisOptions: { ...COMMON, enableAutoPipelining: false, ...login, ...tls },
    });
  }
  const options = { ...COMMON, ...login, ...tls, retryStrategy: retryDelay };
  if (kind === "sentinel") {
    return new Redis({ ...options, sentinels: [...hosts], name, failoverDetector: true, sentinelRetryStrategy: retryDelay });
  }
  const db = name === "" ? 0 : Number(name);
  return new Redis({ ...options, ...hosts[0], db });
}
