/** Connections to Redis or Valkey: one server, several behind Sentinel, or a cluster. */
import { Cluster, type CommonRedisOptions, Redis } from "ioredis";

/** Told when the server is reached and when it is lost; `error` is the last one seen. */
export type ConnectionListener = (isUp: boolean, error?: Error) => void;

const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const MOST_RETRY_MS = 1_000;
const SENTINEL = "+sentinel";
const CLUSTER = "+cluster";

// A command fails at once while the server is away: a request that waits in a queue is of no use to anybody.
const COMMON = {
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  enableAutoPipelining: true,
  // A server that became a replica must be left, or the writes go nowhere.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
} satisfies CommonRedisOptions;

const retryDelay = (times: number): number => Math.min(times * 50, MOST_RETRY_MS);

/**
 * `redis://[user:password@]host[:port][/db]` and `rediss://` for TLS; `redis+cluster://host:port,host:port`;
 * `redis+sentinel://host:port,host:port/master-name`, both with `rediss+…` as well. It connects by itself, again and again.
 */
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

function makeClient(url: string): Redis | Cluster {
  const { scheme, hosts, username, password, name } = readRedisUrl(url);
  const tls = scheme.startsWith("rediss") ? { tls: {} } : {};
  const login = { ...(username !== "" && { username }), ...(password !== "" && { password }) };
  if (scheme.endsWith(CLUSTER)) {
    return new Cluster([...hosts], {
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      clusterRetryStrategy: retryDelay,
      redisOptions: { ...COMMON, ...login, ...tls },
    });
  }
  const options = { ...COMMON, ...login, ...tls, retryStrategy: retryDelay };
  if (scheme.endsWith(SENTINEL)) {
    return new Redis({ ...options, sentinels: [...hosts], name, failoverDetector: true, sentinelRetryStrategy: retryDelay });
  }
  const db = name === "" ? 0 : Number(name);
  return new Redis({ ...options, ...hosts[0], db });
}

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
}

export interface RedisUrl {
  readonly scheme: string;
  readonly hosts: readonly RedisPlace[];
  readonly username: string;
  readonly password: string;
  /** Behind the slash: the number of the database, or the name of the master. */
  readonly name: string;
}

/** Throws an Error that says what is wrong and repeats nothing of the URL: it may hold a password. */
export function readRedisUrl(url: string): RedisUrl {
  const [, scheme = "", login, places = "", name = ""] = /^(rediss?(?:\+(?:sentinel|cluster))?):\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([^/?#]*))?$/.exec(url) ?? [];
  if (scheme === "") throw new Error("a URL such as redis://HOST:PORT, redis+cluster://… or redis+sentinel://…/NAME");
  const isMany = scheme.includes("+");
  const port = scheme.endsWith(SENTINEL) ? 26_379 : 6_379;
  const hosts = places.split(",").map((place) => readPlace(place, port));
  if (!isMany && hosts.length > 1) throw new Error("one host in a redis:// URL; several in redis+cluster:// or redis+sentinel://");
  if (scheme.endsWith(SENTINEL) && name === "") throw new Error("the name of the master behind redis+sentinel://HOSTS/");
  if (!isMany && !/^\d{0,4}$/.test(name)) throw new Error("a database number behind redis://HOST/");
  const [username = "", password] = (login ?? "").split(":", 2).map(decodeURIComponent);
  return { scheme, hosts, username: username === "default" ? "" : username, password: password ?? "", name };
}

function readPlace(place: string, otherwise: number): RedisPlace {
  const [, bracketed, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+))(?::(\d{1,5}))?$/i.exec(place) ?? [];
  const host = bracketed ?? name;
  const port = digits === undefined ? otherwise : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw new Error("HOST or HOST:PORT, an IPv6 address in brackets");
  return { host, port };
}
