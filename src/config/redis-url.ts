/** URLs of Redis and Valkey: one server, several behind Sentinel, or a cluster. */
import { splitHostPort } from "./host-port.js";
import { expected } from "./kind.js";

export interface RedisPlace {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export interface RedisUrl {
  readonly kind: "single" | "sentinel" | "cluster";
  readonly isTls: boolean;
  readonly hosts: readonly RedisPlace[];
  readonly username: string;
  readonly password: string;
  /** After the slash: the number of the database, or the name of Sentinel's master. */
  readonly name: string;
}

const SHAPE = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/]+)(?:\/([^/?#]*))?$/;
const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;

/**
 * `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `redis+cluster://HOST:PORT,HOST:PORT`, `redis+sentinel://HOST:PORT,HOST:PORT/MASTER`, and
 * each of them with `rediss` for TLS. Throws Unexpected, whose message repeats nothing of the URL: it may hold a password.
 */
export function readRedisUrl(url: string): RedisUrl {
  const [, tls, many, login = "", places = "", name = ""] = SHAPE.exec(url) ?? expected("redis://HOST:PORT, redis+cluster://… or redis+sentinel://…/MASTER");
  const kind = many === "sentinel" || many === "cluster" ? many : "single";
  const hosts = places.split(",").map((place) => readPlace(place, kind === "sentinel" ? SENTINEL_PORT : REDIS_PORT));
  if (kind === "single" && hosts.length > 1) expected("one host in redis://; several in redis+cluster:// or redis+sentinel://");
  if (kind === "sentinel" && name === "") expected("the name of the master after redis+sentinel://HOSTS/");
  if (kind === "single" && !/^\d{0,4}$/.test(name)) expected("a database number after redis://HOST/");
  if (kind === "cluster" && name !== "") expected("nothing after the hosts of redis+cluster://, because a cluster has one database");
  const colon = login.indexOf(":");
  const [username, password] = colon < 0 ? [login, ""] : [login.slice(0, colon), login.slice(colon + 1)];
  return { kind, isTls: tls === "s", hosts, username: decode(username), password: decode(password), name };
}

function readPlace(text: string, otherwise: number): RedisPlace {
  const place = splitHostPort(text);
  if (place === undefined || place.port === 0) return expected("HOST or HOST:PORT in the Redis URL, an IPv6 address in brackets");
  return { host: place.host.name, port: place.port ?? otherwise };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return expected("a user and a password with whole %XX escapes in the Redis URL");
  }
}
