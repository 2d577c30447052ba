/** The part of the table that only a registrar or standalone server reads: bindings, users and what a registration may ask. */
import { commaList } from "./comma-list.js";
import { integer } from "./integer.js";
import { location } from "./location.js";
import { oneOf } from "./one-of.js";
import { userSource } from "./user-source.js";
import { secret, withDefault } from "./variable.js";

const DAY = 86_400;

export const homeVariables = {
  location: secret(
    "SLUICE_LOCATION",
    location,
    "embedded",
    "Where bindings are stored: in memory with a journal in `SLUICE_STATE_DIR`, or in a Redis or Valkey shared by several registrars. " +
      "`lmdb` is an older name for `embedded`.",
  ),
  durable: withDefault(
    "SLUICE_DURABLE",
    oneOf(["process", "disk"]),
    "process",
    "What a binding survives in the embedded store once its REGISTER has got a 200: the end of the process, even kill -9 (`process`; a power cut " +
      "may cost the last 50 ms), or a power cut as well (`disk`: every response waits until the journal is on disk).",
  ),
  maxBindings: withDefault(
    "SLUICE_MAX_BINDINGS",
    integer(100, 50_000_000),
    "2000000",
    "Most bindings in the embedded store, of all users; further ones get 503. Each takes about 0.4 KB of memory, and all together " +
      "at most 640 octets times this number. Without `SLUICE_AUTH`, a source may have an eighth of them once half of them exist, in Redis always.",
  ),
  auth: secret(
    "SLUICE_AUTH",
    userSource,
    "off",
    "Who may register and call. `off`: anyone; must be set explicitly if a listener is on a public address. A file has htdigest lines `user:realm:HA1` (32 " +
      "hexadecimal digits are MD5, 64 are SHA-256; of two of the same length for a user the later one counts) and is reloaded when it changes. `redis`: the server of `SLUICE_LOCATION`, where the hash " +
      "`sluice:auth:REALM:USER` has the fields `MD5` and `SHA-256`. A URL gets a POST with `user` and `realm` and answers with the same fields, or 404; " +
      "`Cache-Control: max-age` says how long that may be kept.",
  ),
  foreignCallers: withDefault(
    "SLUICE_FOREIGN_CALLERS",
    oneOf(["challenge", "accept"]),
    "challenge",
    "What to do with a client that calls one of our users with a foreign From: ask for credentials, or let it through (`accept`: for " +
      "servers that anyone on the Internet may call; scanners will ring the phones). Neighbours in `SLUICE_TRUSTED` and the upstream are not asked.",
  ),
  authAlgorithms: withDefault(
    "SLUICE_AUTH_ALGORITHMS",
    commaList(oneOf(["sha-256", "md5"]), { sameness: (algorithm) => algorithm }),
    "sha-256,md5",
    "The algorithms offered to clients, in this order (RFC 8760). Some old clients read only the first challenge: for them, use `md5` alone.",
  ),
  nonceSeconds: withDefault("SLUICE_NONCE_SECONDS", integer(1, DAY), "300", "How long a nonce is valid. A client that comes later is challenged again."),
  minExpires: withDefault("SLUICE_MIN_EXPIRES", integer(1, DAY), "60", "Shortest registration in seconds; a REGISTER for less gets 423."),
  maxExpires: withDefault("SLUICE_MAX_EXPIRES", integer(1, 365 * DAY), "7200", "Longest registration in seconds; a REGISTER for more is granted this."),
  defaultExpires: withDefault("SLUICE_DEFAULT_EXPIRES", integer(1, 365 * DAY), "3600", "Seconds granted when a REGISTER does not say how long."),
  expiresJitter: withDefault(
    "SLUICE_EXPIRES_JITTER",
    integer(0, 50),
    "10",
    "Shorten what is granted by up to this many per cent, at random, so that phones that registered together do not return together.",
  ),
  maxContacts: withDefault("SLUICE_MAX_CONTACTS", integer(1, 100), "10", "Bindings per address of record; more get 403."),
  maxFlowsPerInstance: withDefault(
    "SLUICE_MAX_FLOWS_PER_INSTANCE",
    integer(1, 100),
    "4",
    "Flows per device, each with its own reg-id; more get 403.",
  ),
  obPathCheck: withDefault(
    "SLUICE_OB_PATH_CHECK",
    oneOf(["last", "top", "any"]),
    "last",
    "Which Path value must have `ob` for outbound (RFC 5626 6). The last is that of the hop nearest to the device.",
  ),
  fastPath: withDefault(
    "SLUICE_FAST_PATH",
    oneOf(["on", "off"]),
    "on",
    "`off`: every REGISTER, and every request to a user that follows no flow token, takes the object path, which answers them alike at many times " +
      "the CPU. Shows whether a fault lies in the fast path.",
  ),
  pathMode: withDefault(
    "SLUICE_PATH_MODE",
    oneOf(["strict", "lazy"]),
    "strict",
    "What to do with a REGISTER with a Path from a device that does not support Path (RFC 3327 5.3): `strict` answers 420, `lazy` registers it.",
  ),
} as const;
