/** What each shard is started with, made from the configuration. */
import { createHmac, randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { getSystemErrorName } from "node:util";
import type { Config } from "../config/config.js";
import type { Cidr } from "../config/cidr.js";
import { type Family, showHostPort } from "../config/host-port.js";
import { type Listener, isSecure, portsOf, showListener, singlePorts } from "../config/listener.js";
import type { AddressPort, TrustedNet } from "../native/address-port.js";
import type { ShardConfig, ShardKey, ShardLimits, ShardListener, ShardNames } from "../native/shard-settings.js";
import { listenerOf } from "../native/listener-of.js";
import { binding } from "../native/load.js";
import type { FarmTarget } from "../resolve/farm.js";
import type { ResolvedTarget } from "../resolve/resolved-target.js";
import { portOwner } from "../base/port-owner.js";
import { table } from "../config/table.js";
import { domainsOf } from "./served.js";

// Room for messages between shards while the receiving one is busy.
const RING_OCTETS = 4 << 20;
const FLOW_GRACE_SECONDS = 5;
const DAY_SECONDS = 86_400;
const OCTETS_PER_REQUEST = 4_096;
const LEAST_OCTETS = 1 << 20;

/** What a process passes to the one that replaces it, so that its tokens, its nonces and its tables mean the same there. */
export interface Identity {
  readonly boot: number;
  readonly tableKey: Uint8Array;
  readonly seed: Uint8Array;
}

/** What the process before had open: its listeners, and their sockets for each shard. */
export interface OpenSockets {
  readonly listeners: readonly ShardListener[];
  readonly sockets: readonly (readonly number[])[];
}

export function newIdentity(): Identity {
  return { boot: randomBytes(2).readUInt16BE(), tableKey: randomBytes(16), seed: randomBytes(96) };
}

/** Numbers the shards of one process; throws one line when a listener cannot be opened, or is none of those that are open. */
export function shardConfigs(config: Config, identity = newIdentity(), open?: OpenSockets): readonly ShardConfig[] {
  const facing = config.coreListen === undefined ? "both" : "client";
  const wanted = [
    ...config.listen.map((listener) => ({ listener, facing }) as const),
    ...(config.coreListen ?? []).map((listener) => ({ listener, facing: "core" }) as const),
  ];
  if (open !== undefined) checkOpen(config, wanted.length, open);
  const listeners = wanted.map(({ listener, facing: side }, at) => shardListenerOf(listener, side, open?.listeners[at]));
  const advertised = [...config.listen, ...(config.coreListen ?? [])].flatMap((listener) => (listener.advertise ? [{ ...listener.advertise, count: portsOf(listener) }] : []));
  const common: Omit<ShardConfig, "shard"> = {
    cluster: openCluster(config, listeners, identity.seed, open?.sockets),
    shards: config.shards,
    node: config.node,
    boot: identity.boot,
    tableKey: identity.tableKey,
    // Derived from the key that signs tokens, so that answers to requests from before a restart are still recognised.
    branchKey: createHmac("sha256", config.flowKeys[0]?.key ?? randomBytes(32)).update("Via branch").digest().subarray(0, 16),
    keys: config.flowKeys,
    listeners,
    aliases: aliasesOf(listeners, advertised, config.shards),
    ...shardNames(config),
    trusted: trustedNets(config, [], []),
    limits: shardLimits(config),
    home: config.mode !== "edge",
    proxies: netsOf(config.proxyTrusted),
    wsPingSeconds: config.wsPingSeconds,
    forceRport: config.outbound === "force",
    t1Ms: config.t1Ms,
    branchSeconds: config.branchTimeoutSeconds,
    flowTimer: config.flowTimer,
    flowGrace: FLOW_GRACE_SECONDS,
    probeSeconds: config.upstreamProbeSeconds,
    udpTokenSeconds: config.udpTokenDays * DAY_SECONDS,
    notes: config.adminListen !== "off" || config.historyMegabytes > 0,
  };
  return Array.from({ length: config.shards }, (_, shard) => ({ ...common, shard, listeners: listeners.map((listener) => listenerOf(listener, shard)) }));
}

/** Opens every socket of every shard. */
function openCluster({ shards, flowKeys }: Config, listeners: readonly ShardListener[], seed: Uint8Array, sockets: OpenSockets["sockets"] | undefined): number {
  const cluster = sockets === undefined ? binding.createCluster(shards, RING_OCTETS, listeners, seed) : binding.createCluster(shards, RING_OCTETS, listeners, seed, sockets);
  if (typeof cluster === "number") {
    setNonceKeys(cluster, flowKeys);
    return cluster;
  }
  const { address, ...place } = listenerOf(listeners[cluster.listener]!, cluster.shard);
  throw new Error(cannotListen({ ...place, host: address }, -cluster.errno));
}

/** One line that says what to change. */
function cannotListen(listener: Pick<Listener, "transport" | "host" | "port">, errno: number): string {
  const owner = getSystemErrorName(errno) === "EADDRINUSE" ? portOwner(listener.transport === "udp" ? "udp" : "tcp", listener.port) : "";
  const why = owner === "" ? getSystemErrorName(errno) : `${getSystemErrorName(errno)}, ${owner}`;
  return `cannot listen on ${showListener(listener)}: ${why}; ${table.listen.name} and ${table.coreListen.name} say where to listen`;
}

/** Nodes that share a flow key understand each other's nonces: a client may be challenged by one and answer to another. */
export function setNonceKeys(cluster: number, flowKeys: readonly ShardKey[]): void {
  binding.setNonceKeys(cluster, flowKeys.map(({ key }) => createHmac("sha256", key).update("Digest nonce").digest()));
}

/** The octets that so many requests may hold. */
function octetsFor(requests: number): number {
  return Math.max(requests * OCTETS_PER_REQUEST, LEAST_OCTETS);
}

/** Our names, and the sites whose pages may open a WebSocket. */
export function shardNames(config: Config): ShardNames {
  const advertised = [...config.listen, ...(config.coreListen ?? [])].flatMap(({ advertise }) => (advertise ? [advertise.host] : []));
  const domains = domainsOf(config);
  return {
    names: [...config.names, ...[...domains.map(({ name }) => name), ...advertised].filter((name) => isIP(name) === 0)],
    realms: [...new Set(domains.map(({ name, aliasOf }) => aliasOf ?? name))],
    wsOrigins: config.wsOrigins,
    wsPaths: config.wsPaths,
  };
}

/** Flows and requests of the object path are counted for the whole process, the rest for each shard. */
export function shardLimits(config: Config): ShardLimits {
  const share = (total: number): number => Math.ceil(total / config.shards);
  return {
    maxMessage: config.maxMessage,
    maxFlows: config.maxFlows,
    maxFlowsPerSource: config.maxFlowsPerSource,
    maxPending: share(config.maxPending),
    maxRequests: config.maxPending,
    maxRequestsPerSource: config.maxPendingPerSource,
    maxRequestOctets: octetsFor(config.maxPending),
    maxRequestOctetsPerSource: octetsFor(config.maxPendingPerSource),
    queueMax: config.queueMax,
    handshakeSeconds: config.handshakeSeconds,
    firstMessageSeconds: config.firstMessageSeconds,
    messageSeconds: config.messageSeconds,
    idleSeconds: config.idleSeconds,
  };
}

/** Undefined on an edge. */
export function homeConfig(config: Config): Config | undefined {
  return config.mode === "edge" ? undefined : config;
}

/** The kernel spreads clients over the sockets by their number, so neither shards nor listeners may change while flows live on. */
function checkOpen({ shards }: Config, listeners: number, open: OpenSockets): void {
  if (shards !== open.sockets.length) throw new Error(`${table.shards.name}: expected ${open.sockets.length} as before, not ${shards}; another number takes a restart`);
  if (listeners !== open.listeners.length) throw new Error(`${table.listen.name}: expected the ${open.listeners.length} listeners of before; others take a restart`);
}

function shardListenerOf(listener: Listener, facing: ShardListener["facing"], open: ShardListener | undefined): ShardListener {
  const { transport, host, advertise, proxy = "never" } = listener;
  if (open !== undefined && !isSamePlace(listener, facing, open)) {
    throw new Error(`${facing === "core" ? table.coreListen.name : table.listen.name}: expected the listeners of before in the same order, not ${showListener(listener)}; others take a restart`);
  }
  const port = open === undefined ? freePortOf(listener) : open.port;
  const shown = advertise ?? { host, port };
  const spoken = advertise?.transport ?? transport;
  return { transport: spoken, endsTls: isSecure(transport), address: host, port, apart: listener.lastPort !== undefined, facing, proxy, sentBy: showHostPort(shown.host, shown.port) };
}

/** With SO_REUSEPORT a second process would share the port unnoticed, so each is tried without it first. */
function freePortOf(listener: Listener): number {
  const [port = 0] = singlePorts(listener).map((one) => {
    const free = binding.checkListener(one.transport, one.host, one.port);
    if (free < 0) throw new Error(cannotListen(one, free));
    return free;
  });
  return port;
}

function isSamePlace({ transport, host, port, lastPort, advertise }: Listener, facing: ShardListener["facing"], open: ShardListener): boolean {
  const spoken = advertise?.transport ?? transport;
  return spoken === open.transport && isSecure(transport) === open.endsTls && host === open.address && facing === open.facing && (lastPort !== undefined) === open.apart && (port === 0 || port === open.port);
}

function aliasesOf(listeners: readonly ShardListener[], advertised: readonly { host: string; port: number; count: number }[], shards: number): readonly AddressPort[] {
  const bound = listeners.map(({ address, port, apart }) => ({ address, port, count: apart ? shards : 1 }));
  const shown = advertised.filter(({ host }) => isIP(host) !== 0).map(({ host, ...ports }) => ({ address: host, ...ports }));
  return [...bound, ...shown].flatMap(({ address, port, count }) => Array.from({ length: count }, (_, at) => ({ address, port: port + at })));
}

/**
 * What the operator trusts; unset, the upstream's own addresses and ports. In any case the edges of a registrar and the other edges of a farm,
 * whose connections come from any port.
 */
export function trustedNets({ trusted, edges }: Pick<Config, "trusted" | "edges">, targets: readonly ResolvedTarget[], farm: readonly FarmTarget[]): readonly TrustedNet[] {
  const nodes = farm.map(({ address, port, transport }) => ({ address, port: transport === "udp" ? port : 0, prefix: 128 }));
  if (trusted === undefined) return [...targets.map(({ address, port }) => ({ address, port, prefix: 128 })), ...netsOf(edges), ...nodes];
  return [...netsOf([...trusted, ...edges]), ...nodes];
}

export function netsOf(nets: readonly Cidr[]): readonly TrustedNet[] {
  return nets.map(({ address, family, prefix, port }) => ({ address, port: port ?? 0, prefix: prefixOf(prefix, family) }));
}

/** Prefixes count in the 128-bit form, where an IPv4 address is the tail of ::ffff:0:0/96. */
function prefixOf(prefix: number, family: Family): number {
  return family === 4 ? prefix + 96 : prefix;
}
