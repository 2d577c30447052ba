/** Every SLUICE_ variable: parsing, validation, --print-config, --help and docs/configuration.md are generated from this table. */
import { availableParallelism } from "node:os";
import { cidr } from "./cidr.js";
import { commaList } from "./comma-list.js";
import { domain } from "./domain.js";
import { MAX_NODE, farmPlace, isDomain } from "./farm-node.js";
import { MAX_FLOW_KEYS, flowKey, sameFlowKey } from "./flow-key.js";
import { homeVariables } from "./home-variables.js";
import { hostName } from "./host-name.js";
import { integer } from "./integer.js";
import { coreListener, listener } from "./listener.js";
import { observeVariables } from "./observe-variables.js";
import { oneOf } from "./one-of.js";
import { origin, urlPath } from "./origin.js";
import { existingFile, folder } from "./path.js";
import { showUpstream, upstream } from "./upstream.js";
import { optional, withDefault } from "./variable.js";

const MAX_SHARDS = 64;
const DAY = 86_400;

export const table = {
  mode: withDefault(
    "SLUICE_MODE",
    oneOf(["standalone", "registrar", "edge"]),
    "standalone",
    "What this process is: an `edge` in front of a registrar; a `registrar` and home proxy behind edges; `standalone`, both in one.",
  ),
  domains: withDefault(
    "SLUICE_DOMAINS",
    commaList(domain, { sameness: ({ name }) => name }),
    "",
    "Domains whose users register here and are looked up here. Each is a separate realm: a user of one is unknown in the others. " +
      "`sip.example.org=example.org` makes the left name an alias of the right one: same realm, same users.",
    "`localhost`, `SLUICE_NAMES`, and every listening or advertised address",
  ),
  edges: withDefault(
    "SLUICE_EDGES",
    commaList(cidr),
    "",
    "Edges whose Path is trusted, and which may send requests along a flow. Their clients are clients here too and must authenticate like all " +
      "others. Trunks and proxies that vouch for their callers belong in `SLUICE_TRUSTED`.",
    "none",
  ),
  failoverStatus: withDefault(
    "SLUICE_FAILOVER_STATUS",
    commaList(integer(400, 699), { most: 20, sameness: String }),
    "408,430",
    "Responses after which the next flow of the same device is tried (RFC 5626 7). An unreachable edge counts as 430, " +
      "a silent one as 408.",
  ),
  failoverMs: withDefault(
    "SLUICE_FAILOVER_MS",
    integer(100, 600_000),
    "4000",
    "How long a flow may stay silent, in milliseconds, before the device's next flow is tried.",
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
    "Where clients connect. Port 0 lets the kernel choose. `advertise` is the name or address shown in Via, Path and " +
      "Record-Route, for a host behind NAT; it and the bound address both mean this server.",
  ),
  coreListen: optional(
    "SLUICE_CORE_LISTEN",
    commaList(coreListener, { most: 64 }),
    "the listeners of `SLUICE_LISTEN`",
    "Where the registrar and other proxies connect. **Whoever reaches these listeners is trusted**, so keep them on an inner network. " +
      "`udp:10.0.0.1:5070-5073` gives each of four shards of an edge its own port, so that responses and calls come to the shard that has the flow.",
  ),
  upstream: withDefault(
    "SLUICE_UPSTREAM",
    commaList(upstream, { most: 64, sameness: showUpstream }),
    "",
    "The registrar or proxies that receive clients' requests, resolved by RFC 3263. The live targets " +
      "of the best priority share the load by weight. Without one the edge answers 503.",
    "none",
  ),
  trusted: optional(
    "SLUICE_TRUSTED",
    commaList(cidr),
    "the addresses and ports of the upstream",
    "Sources that count as the core on listeners that both sides share. A registrar that opens connections of its own (TCP, TLS) calls from any port, " +
      "and gets 403 until its address stands here without a port, or until it uses `SLUICE_CORE_LISTEN`.",
  ),
  proxyTrusted: withDefault(
    "SLUICE_PROXY_TRUSTED",
    commaList(cidr),
    "",
    "Load balancers whose PROXY headers are accepted on listeners with `;proxy=`. PROXY headers from others are not read; with `;proxy=require` " +
      "nobody else may connect.",
    "none",
  ),
  tlsCert: optional(
    "SLUICE_TLS_CERT",
    commaList(existingFile, { most: 64 }),
    "none",
    "PEM files with a certificate and its chain, in the order of their keys in `SLUICE_TLS_KEY`. The first serves clients whose SNI " +
      "matches none. They are read again on SIGHUP and when a file changes; open connections continue.",
  ),
  tlsKey: optional("SLUICE_TLS_KEY", commaList(existingFile, { most: 64 }), "none", "PEM files with the private keys, one per certificate."),
  tlsCa: optional(
    "SLUICE_TLS_CA",
    existingFile,
    "the authorities built into Node",
    "A PEM file with the authorities that must have issued the certificates of upstreams and clients.",
  ),
  tlsClientCert: withDefault(
    "SLUICE_TLS_CLIENT_CERT",
    oneOf(["off", "optional", "require"]),
    "off",
    "Whether TLS and WSS clients are asked for a certificate, and whether they must send one. A certificate that is sent must be valid.",
  ),
  tlsRecords: withDefault(
    "SLUICE_TLS_RECORDS",
    oneOf(["own", "openssl"]),
    "own",
    "Who seals and opens the records of TLS and WSS clients once OpenSSL has shaken hands. `own`: Sluice with OpenSSL's ciphers, half the CPU a record and " +
      "500 octets for an idle connection instead of 14,000. `openssl`: OpenSSL, for example where a certified module must do it.",
  ),
  wsOrigins: withDefault(
    "SLUICE_WS_ORIGINS",
    commaList(origin),
    "",
    "Origins whose pages may open a WebSocket; others get 403. **If unset, any website may**, in its visitor's name.",
    "any",
  ),
  wsPaths: withDefault("SLUICE_WS_PATHS", commaList(urlPath), "", "URL paths at which a WebSocket may be opened; others get 404.", "any"),
  wsPingSeconds: withDefault(
    "SLUICE_WS_PING_SECONDS",
    integer(0, DAY),
    "30",
    "Ping a WebSocket client after this many seconds of silence; browsers cannot ping. Without a pong it is dead 10 seconds later. `0` = never.",
  ),
  names: withDefault(
    "SLUICE_NAMES",
    commaList(hostName),
    "",
    "Further host names that mean this server in Route and Request-URI.",
    "none",
  ),
  shards: withDefault(
    "SLUICE_SHARDS",
    integer(1, MAX_SHARDS),
    String(Math.min(availableParallelism(), MAX_SHARDS)),
    "Worker threads that share the listeners.",
    "one per core",
  ),
  flowKeys: optional(
    "SLUICE_FLOW_KEYS",
    commaList(flowKey, { most: MAX_FLOW_KEYS, sameness: sameFlowKey }),
    "the file `flow.keys` in `SLUICE_STATE_DIR`, created at the first start",
    "Keys for flow tokens: at least 20 random octets each, with ids from 0 to 63. The first key signs, all verify: add a new key " +
      "at the end on every edge that shares them, then move it to the front, and remove the old one once its tokens may die. " +
      "`openssl rand -base64 32` makes one.",
    true,
  ),
  node: withDefault(
    "SLUICE_NODE",
    integer(0, MAX_NODE),
    "0",
    "The number of this edge in its farm. Its tokens carry it, so give each edge another one and keep it.",
  ),
  farm: withDefault(
    "SLUICE_FARM",
    commaList(farmPlace, { most: 64, sameness: (place) => (isDomain(place) ? "a domain" : String(place.node)) }),
    "",
    "All edges behind one name, this one among them, each with its number and the address of its core side: the same list on every edge. A request with the token " +
      "of another edge goes there. Needs the same `SLUICE_FLOW_KEYS` on all of them. These addresses are trusted. Or a domain: its SRV records (`_sip._tcp`, for example) are the edges, with " +
      "the number of each as weight and 0 as priority.",
    "none",
  ),
  stateDir: withDefault(
    "SLUICE_STATE_DIR",
    folder,
    "./state",
    "Folder for everything that must survive a restart. Keep it: without its keys, all earlier tokens are unknown.",
  ),
  outbound: withDefault(
    "SLUICE_OUTBOUND",
    oneOf(["auto", "force", "off"]),
    "auto",
    "Who gets a flow token: clients that register or ask for outbound (`auto`); all clients, and UDP is answered at its source port whether " +
      "asked to or not (`force`); nobody (`off`).",
  ),
  flowTimer: withDefault(
    "SLUICE_FLOW_TIMER",
    integer(0, DAY),
    "0",
    "Flow-Timer in seconds for 2xx to REGISTER with outbound (RFC 5626 5.4), `0` = none. A flow that got it is dead this long " +
      "plus 5 seconds after its last sign of life. Some clients never ping more often than every 20 seconds: use 25 or more.",
  ),
  policy: optional(
    "SLUICE_POLICY",
    existingFile,
    "the built-in policy",
    "A module with your own hooks. Every request of an edge then becomes a JavaScript object, which costs CPU; without it none does. A registrar or standalone server has the hook `isUrgent` alone, for what its drain turns away.",
  ),
  logLevel: withDefault(
    "SLUICE_LOG_LEVEL",
    oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
    "info",
    "The lowest level that is logged, as JSON on stdout (short lines at a terminal). `debug` adds a line for each registration, refusal and failed call, `trace` each message with its credentials unreadable.",
  ),
  maxFlows: withDefault(
    "SLUICE_MAX_FLOWS",
    integer(1, 10_000_000),
    "200000",
    "Client connections at once, over all shards; further ones are refused. The process needs one file descriptor for each. As many UDP flows " +
      "are remembered in addition; if there are too many, those without a registration go first, then the oldest.",
  ),
  maxFlowsPerSource: withDefault(
    "SLUICE_MAX_FLOWS_PER_SOURCE",
    integer(1, 10_000_000),
    "1000",
    "Connections at once from one source, and as many UDP flows; at most `SLUICE_MAX_FLOWS`. A source is an IPv4 address or the /64 of an IPv6 " +
      "address; clients behind a NAT share this limit.",
    "`1000`, or half of `SLUICE_MAX_FLOWS` if that is less",
  ),
  maxMessage: withDefault(
    "SLUICE_MAX_MESSAGE",
    integer(1_500, 65_535),
    "65535",
    "Largest message in octets, head and body; longer ones get 513 or 413.",
  ),
  maxPending: withDefault(
    "SLUICE_MAX_PENDING",
    integer(1, 10_000_000),
    "100000",
    "Requests remembered at once until their final response, over all shards, at 4 KiB each on average. Further ones to the registrar and " +
      "home proxy get 503.",
  ),
  maxPendingPerSource: withDefault(
    "SLUICE_MAX_PENDING_PER_SOURCE",
    integer(1, 10_000_000),
    "10000",
    "Requests from one source to the registrar and home proxy at once. Calls and the like may take half of this, REGISTER three quarters; the rest is " +
      "reserved for REGISTER over registered flows and for BYE and CANCEL. The same applies to `SLUICE_MAX_PENDING`, which it may not exceed.",
    "`10000`, or half of `SLUICE_MAX_PENDING` if that is less",
  ),
  queueMax: withDefault(
    "SLUICE_QUEUE_MAX",
    integer(4_096, 1 << 30),
    "262144",
    "Unsent octets for one client; a client that lets more pile up is disconnected.",
  ),
  handshakeSeconds: withDefault(
    "SLUICE_HANDSHAKE_SECONDS",
    integer(1, 3_600),
    "5",
    "How long PROXY header, TLS handshake and WebSocket handshake of a new connection may take together.",
  ),
  firstMessageSeconds: withDefault(
    "SLUICE_FIRST_MESSAGE_SECONDS",
    integer(1, 3_600),
    "30",
    "A new connection that sends no complete SIP message for this long is closed, even if it sends keep-alives.",
  ),
  messageSeconds: withDefault(
    "SLUICE_MESSAGE_SECONDS",
    integer(1, 3_600),
    "10",
    "A message that has begun to arrive on a connection must be complete within this time.",
  ),
  idleSeconds: withDefault(
    "SLUICE_IDLE_SECONDS",
    integer(1, 30 * DAY),
    "3600",
    "A connection that is silent for this long is closed.",
  ),
  upstreamProbeSeconds: withDefault(
    "SLUICE_UPSTREAM_PROBE_SECONDS",
    integer(1, 3_600),
    "10",
    "How long an upstream target may be silent until it is asked with OPTIONS whether it lives, and how often a dead one is asked. Any answer will do. "
      + "An edge is ready when one has answered.",
  ),
  drainSeconds: withDefault(
    "SLUICE_DRAIN_SECONDS",
    integer(0, 3_600),
    "10",
    "After SIGTERM: how long to wait for pending requests. New ones get 503 with Retry-After.",
  ),
  t1Ms: withDefault("SLUICE_T1_MS", integer(10, 10_000), "500", "T1 of RFC 3261 17.1.1.1 in milliseconds, for retransmissions over UDP."),
  branchTimeoutSeconds: withDefault(
    "SLUICE_BRANCH_TIMEOUT_SECONDS",
    integer(1, 3_600),
    "32",
    "How long a request without a final response is remembered, and retransmitted to a UDP client.",
  ),
  udpTokenDays: withDefault("SLUICE_UDP_TOKEN_DAYS", integer(1, 1_000), "30", "A UDP flow token older than this gets 430."),
  drainRate: withDefault(
    "SLUICE_DRAIN_RATE",
    integer(0, 1_000_000),
    "1000",
    "Client connections closed per second at the end of a drain, so that they do not all reach the next edge together; `0` = all at once.",
  ),
  keeper: withDefault(
    "SLUICE_KEEPER",
    oneOf(["on", "standby", "off"]),
    "off",
    "`on`: a small program of its own runs the server, holds its sockets, and starts it again after a crash, so that flows outlive `kill -9`, an abort " +
      "and the OOM killer. `standby`: a second process waits with everything loaded, so that the pause is shorter. See docs/operate/keeper.md.",
  ),
  ...observeVariables,
  envFile: optional(
    "SLUICE_ENV_FILE",
    existingFile,
    "none",
    "A file of `NAME=VALUE` lines, read at startup and at each reload; variables set in the environment itself override it.",
  ),
  ...homeVariables,
} as const;
