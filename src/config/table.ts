/** Every SLUICE_ variable: parsing, validation, --print-config, --help and docs/configuration.md are made from this table. */
import { availableParallelism } from "node:os";
import { adminListen } from "./admin-listen.js";
import { cidr } from "./cidr.js";
import { commaList } from "./comma-list.js";
import { MAX_FLOW_KEYS, flowKey, sameFlowKey } from "./flow-key.js";
import { hostName } from "./host-name.js";
import { integer } from "./integer.js";
import { listener } from "./listener.js";
import { location } from "./location.js";
import { oneOf } from "./one-of.js";
import { existingFile, file, folder } from "./path.js";
import { password } from "./password.js";
import { udpTarget } from "./udp-target.js";
import { showUpstream, upstream } from "./upstream.js";
import { userSource } from "./user-source.js";
import { optional, secret, withDefault } from "./variable.js";

const MAX_SHARDS = 64;
const DAY = 86_400;

export const table = {
  mode: withDefault(
    "SLUICE_MODE",
    oneOf(["standalone", "registrar", "edge"]),
    "standalone",
    "What this process is: `edge` in front of somebody's registrar; `registrar` and home proxy behind edges; `standalone`, both in one.",
  ),
  domains: withDefault(
    "SLUICE_DOMAINS",
    commaList(hostName),
    "",
    "Host names and addresses whose users register here and are looked up here; the first is the realm of the authentication.",
    "`localhost`, `SLUICE_NAMES`, and every address that is listened on or advertised",
  ),
  edges: withDefault(
    "SLUICE_EDGES",
    commaList(cidr),
    "",
    "Edges and proxies whose Path is believed, and which may send along a flow. Everybody else is a client.",
    "none",
  ),
  failoverStatus: withDefault(
    "SLUICE_FAILOVER_STATUS",
    commaList(integer(400, 699), { most: 20, sameness: String }),
    "408,430",
    "Final answers behind which the next flow of the same device is tried (RFC 5626 7). An edge that cannot be reached counts as 430, " +
      "one that stays silent as 408.",
  ),
  failoverMs: withDefault(
    "SLUICE_FAILOVER_MS",
    integer(100, 600_000),
    "4000",
    "How long a flow may stay silent, in milliseconds, while its device has another one to try.",
  ),
  timerCSeconds: withDefault(
    "SLUICE_TIMER_C_SECONDS",
    integer(1, 86_400),
    "200",
    "Timer C of RFC 3261 16.6: how long a call may ring, counted from the last provisional response.",
  ),
  listen: withDefault(
    "SLUICE_LISTEN",
    commaList(listener, { most: 64 }),
    "udp:127.0.0.1:5060,tcp:127.0.0.1:5060",
    "Where clients reach the edge. Port 0 lets the kernel choose. `advertise` is the name or address that Via, Path and " +
      "Record-Route show, for a host behind NAT; both it and the bound address count as this edge.",
  ),
  coreListen: optional(
    "SLUICE_CORE_LISTEN",
    commaList(listener, { most: 64 }),
    "the listeners of `SLUICE_LISTEN`",
    "Where the registrar and other proxies reach the edge. **Whoever reaches these is trusted**, so they belong on an inner network.",
  ),
  upstream: withDefault(
    "SLUICE_UPSTREAM",
    commaList(upstream, { most: 64, sameness: showUpstream }),
    "",
    "The registrar or proxies that requests of clients are sent to, resolved as RFC 3263 says. Of the targets that are alive " +
      "those with the lowest priority share the load by weight. With none the edge answers 503.",
    "none",
  ),
  trusted: optional(
    "SLUICE_TRUSTED",
    commaList(cidr),
    "the addresses and ports of the upstream",
    "Sources that count as the core on listeners that both sides share.",
  ),
  names: withDefault(
    "SLUICE_NAMES",
    commaList(hostName),
    "",
    "Further host names that mean this edge when they stand in Route or Request-URI.",
    "none",
  ),
  shards: withDefault(
    "SLUICE_SHARDS",
    integer(1, MAX_SHARDS),
    String(Math.min(availableParallelism(), MAX_SHARDS)),
    "Worker threads that share the listeners.",
    "one a core",
  ),
  flowKeys: optional(
    "SLUICE_FLOW_KEYS",
    commaList(flowKey, { most: MAX_FLOW_KEYS, sameness: sameFlowKey }),
    "the file `flow.keys` in `SLUICE_STATE_DIR`, made at the first start",
    "Keys of the flow tokens, at least 20 random octets each, ids from 0 to 63. The first signs, all verify: put a new key " +
      "in front, and take the old one out when its tokens may die. `openssl rand -base64 32` makes one.",
    true,
  ),
  stateDir: withDefault(
    "SLUICE_STATE_DIR",
    folder,
    "./state",
    "Folder of what must outlive a restart. Keep it: with other keys no token of before is known.",
  ),
  outbound: withDefault(
    "SLUICE_OUTBOUND",
    oneOf(["auto", "force", "off"]),
    "auto",
    "Who is served with a flow token: clients that ask for outbound (`auto`), every client (`force`), nobody (`off`).",
  ),
  flowTimer: withDefault(
    "SLUICE_FLOW_TIMER",
    integer(0, DAY),
    "0",
    "Flow-Timer in seconds for 2xx to REGISTER with outbound (RFC 5626 5.4), `0` = none. A flow that got it is dead that long " +
      "plus 5 seconds after its last life sign. Some clients never ping more often than each 20 seconds: stay at 25 or above.",
  ),
  policy: optional(
    "SLUICE_POLICY",
    existingFile,
    "the built-in policy",
    "A module with hooks of your own. Each request then becomes a JavaScript object, which costs; without it none does.",
  ),
  logLevel: withDefault(
    "SLUICE_LOG_LEVEL",
    oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    "info",
    "The least level that is logged, as JSON on stdout. Single messages are logged at `trace` only.",
  ),
  maxFlows: withDefault(
    "SLUICE_MAX_FLOWS",
    integer(1, 10_000_000),
    "200000",
    "Connections of clients at once, of all shards together; more are refused. The process needs that many file descriptors.",
  ),
  maxFlowsPerSource: withDefault(
    "SLUICE_MAX_FLOWS_PER_SOURCE",
    integer(1, 10_000_000),
    "1000",
    "Connections at once from one address. Clients behind one NAT share it.",
  ),
  maxMessage: withDefault(
    "SLUICE_MAX_MESSAGE",
    integer(1_500, 65_535),
    "65535",
    "Octets of one message, head and body; longer ones are answered 513 or 413.",
  ),
  maxPending: withDefault(
    "SLUICE_MAX_PENDING",
    integer(1, 10_000_000),
    "100000",
    "Requests at once that are remembered until their final response, of all shards together.",
  ),
  queueMax: withDefault(
    "SLUICE_QUEUE_MAX",
    integer(4_096, 1 << 30),
    "262144",
    "Unsent octets for one client; a client that lets more pile up loses its connection.",
  ),
  firstMessageSeconds: withDefault(
    "SLUICE_FIRST_MESSAGE_SECONDS",
    integer(1, 3_600),
    "30",
    "A new connection that has sent nothing for that long is closed.",
  ),
  messageSeconds: withDefault(
    "SLUICE_MESSAGE_SECONDS",
    integer(1, 3_600),
    "10",
    "A message that has begun on a connection must be whole within that time.",
  ),
  idleSeconds: withDefault(
    "SLUICE_IDLE_SECONDS",
    integer(1, 30 * DAY),
    "3600",
    "A connection without any life sign for that long is closed.",
  ),
  upstreamProbeSeconds: withDefault(
    "SLUICE_UPSTREAM_PROBE_SECONDS",
    integer(1, 3_600),
    "10",
    "How often a dead upstream target is probed by OPTIONS.",
  ),
  drainSeconds: withDefault(
    "SLUICE_DRAIN_SECONDS",
    integer(0, 3_600),
    "10",
    "After SIGTERM: how long pending requests may take to end. New ones get 503 with Retry-After.",
  ),
  t1Ms: withDefault("SLUICE_T1_MS", integer(10, 10_000), "500", "T1 of RFC 3261 17.1.1.1 in milliseconds, for requests sent again over UDP."),
  branchTimeoutSeconds: withDefault(
    "SLUICE_BRANCH_TIMEOUT_SECONDS",
    integer(1, 3_600),
    "32",
    "How long a request is remembered without a final response, and sent again towards a UDP client.",
  ),
  udpTokenDays: withDefault("SLUICE_UDP_TOKEN_DAYS", integer(1, 1_000), "30", "A UDP flow token older than that is answered 430."),
  drainRate: withDefault(
    "SLUICE_DRAIN_RATE",
    integer(0, 1_000_000),
    "1000",
    "Connections of clients closed in a second at the end of a drain, so that they do not all reach the next edge at once; `0` = all at once.",
  ),
  adminListen: withDefault(
    "SLUICE_ADMIN_LISTEN",
    adminListen,
    "127.0.0.1:5080",
    "Where the dashboard, `/metrics`, health and the JSON control are served. An address that others can reach needs `SLUICE_ADMIN_TOKEN`.",
  ),
  adminToken: optional(
    "SLUICE_ADMIN_TOKEN",
    password,
    "none is asked for on loopback",
    "What `Authorization: Bearer …` must hold for everything but `/livez` and `/readyz`. `openssl rand -hex 24` makes one.",
    true,
  ),
  hep: optional("SLUICE_HEP", udpTarget, "nothing is sent", "A Homer (HEP3) server that gets a copy of each message, credentials made unreadable."),
  hepId: withDefault("SLUICE_HEP_ID", integer(0, 4_294_967_295), "2001", "Capture agent id in HEP3 packets."),
  pcap: optional(
    "SLUICE_PCAP",
    file,
    "nothing is written",
    "A file that gets a copy of each message as Wireshark and sngrep read it, credentials made unreadable. When full it becomes `FILE.1`.",
  ),
  pcapMegabytes: withDefault("SLUICE_PCAP_MEGABYTES", integer(1, 100_000), "100", "Size of one capture file; two are kept."),
  captureSample: withDefault("SLUICE_CAPTURE_SAMPLE", integer(1, 1_000_000), "1", "Of how many dialogs one is captured, by its Call-ID."),
  envFile: optional(
    "SLUICE_ENV_FILE",
    existingFile,
    "none",
    "A file of `NAME=VALUE` lines, read at the start and at each reload; what the environment itself sets goes before it.",
  ),
  location: secret(
    "SLUICE_LOCATION",
    location,
    "lmdb",
    "Where bindings are kept: on disk in `SLUICE_STATE_DIR`, or in a Redis or Valkey that several registrars share.",
  ),
  auth: secret(
    "SLUICE_AUTH",
    userSource,
    "off",
    "Who may register and call: `off` is anybody. A file has htdigest lines `user:realm:HA1`, 32 hexadecimal digits are MD5, 64 are " +
      "SHA-256, and is read again when it changes. `redis` is the server of `SLUICE_LOCATION`, where the hash `sluice:auth:REALM:USER` has the " +
      "fields `MD5` and `SHA-256`. A URL is asked by POST with `user` and `realm` and answers with the same fields, or 404.",
  ),
  authAlgorithms: withDefault(
    "SLUICE_AUTH_ALGORITHMS",
    commaList(oneOf(["sha-256", "md5"]), { sameness: (algorithm) => algorithm }),
    "sha-256,md5",
    "What is offered to clients, in that order (RFC 8760). Some old ones read the first challenge only: `md5` alone helps these.",
  ),
  nonceSeconds: withDefault("SLUICE_NONCE_SECONDS", integer(1, DAY), "300", "How long a nonce is good. A client that comes later is challenged again."),
  minExpires: withDefault("SLUICE_MIN_EXPIRES", integer(1, DAY), "60", "Seconds; who registers for less is answered 423."),
  maxExpires: withDefault("SLUICE_MAX_EXPIRES", integer(1, 365 * DAY), "7200", "Seconds; who registers for more gets that much."),
  defaultExpires: withDefault("SLUICE_DEFAULT_EXPIRES", integer(1, 365 * DAY), "3600", "Seconds for those who do not say how long."),
  expiresJitter: withDefault(
    "SLUICE_EXPIRES_JITTER",
    integer(0, 50),
    "10",
    "Up to so many per cent are taken off what is granted, by chance: those who registered together do not come back together.",
  ),
  maxContacts: withDefault("SLUICE_MAX_CONTACTS", integer(1, 100), "10", "Bindings of one address of record; more are answered 403."),
  maxFlowsPerInstance: withDefault(
    "SLUICE_MAX_FLOWS_PER_INSTANCE",
    integer(1, 100),
    "4",
    "Flows of one device, each with a reg-id of its own; more are answered 403.",
  ),
  obPathCheck: withDefault(
    "SLUICE_OB_PATH_CHECK",
    oneOf(["last", "top", "any"]),
    "last",
    "Which Path value must have `ob` for outbound (RFC 5626 6): the one of the hop nearest to the device is the last.",
  ),
  pathMode: withDefault(
    "SLUICE_PATH_MODE",
    oneOf(["strict", "lazy"]),
    "strict",
    "A REGISTER with Path of a device that does not support it (RFC 3327 5.3): answered 420, or registered all the same.",
  ),
} as const;
