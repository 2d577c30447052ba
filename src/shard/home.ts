/** Puts the object path of a shard together: transactions, registrar and home proxy over one location store. */
import { randomBytes } from "node:crypto";
import { promises as dns } from "node:dns";
import { openLocationStore } from "../location/open-store.js";
import type { Shard, ShardConfig, UpstreamTarget } from "../native/binding.js";
import { Forwarder } from "../proxy/forwarder.js";
import { HomeProxy } from "../proxy/home-proxy.js";
import { DnsRecords } from "../resolve/dns-records.js";
import type { Hop } from "../transaction/hop.js";
import { TransactionTable } from "../transaction/table.js";
import { timerTable } from "../transaction/timers.js";
import { Gruus } from "../registrar/gruu.js";
import { Registrar } from "../registrar/registrar.js";
import type { HomeStart } from "./messages.js";
import { NativeOutlet } from "./native-outlet.js";
import { ObjectPath } from "./object-path.js";

/** What a sender who asks for keep-alives is told where no Flow-Timer is set (RFC 6223 4.4). */
const KEEP_SECONDS = 30;

export interface Home {
  readonly path: ObjectPath;
  setUpstreams(targets: readonly UpstreamTarget[]): void;
  close(): Promise<void>;
}

export async function openHome(shard: Shard, config: ShardConfig, start: HomeStart, servesOutbound: boolean, onFault: (error: unknown) => void): Promise<Home> {
  const { listeners, t1Ms, branchSeconds, limits, flowTimer } = config;
  const store = await openLocationStore({ location: "lmdb", stateDir: start.stateDir });
  const timers = timerTable(t1Ms, branchSeconds);
  const outlet = new NativeOutlet(shard, listeners);
  const newTag = tags();
  const table = new TransactionTable({ outlet, timers, most: limits.maxPending, keepSeconds: flowTimer > 0 ? flowTimer : KEEP_SECONDS, newTag });
  const records = new DnsRecords(new dns.Resolver());
  const { timerCSeconds, failoverMs, failoverStatus } = start;
  const forwarder = new Forwarder({ table, port: shard, listeners, records, timerC: timerCSeconds * 1_000, silence: failoverMs, cancelPatience: timers.memory });
  const domains = new Set(start.domains);
  const gruus = new Gruus(start.secret);
  const registrar = new Registrar({ store, gruus, authenticator: undefined, report: onFault }, start.registrar);
  let upstreams: readonly UpstreamTarget[] = [];
  const proxy = new HomeProxy({
    forwarder,
    store,
    port: shard,
    resolveDestination: (uri) => gruus.resolve(uri),
    authenticator: undefined,
    isOurs: (host) => domains.has(host.replace(/^\[|\]$/g, "")),
    upstream: () => hopOf(upstreams),
    failoverStatus: new Set(failoverStatus),
    onFault,
  });
  const path = new ObjectPath({ shard, config, table, store, registrar, proxy, servesOutbound, onFault });
  return {
    path,
    setUpstreams: (targets) => void (upstreams = targets),
    close: () => store.close(),
  };
}

/** The best of them; that they share the load is the fast path's matter. */
function hopOf(targets: readonly UpstreamTarget[]): Hop | undefined {
  const [first] = [...targets].sort((one, other) => one.priority - other.priority);
  return first && { kind: "address", transport: first.transport, address: first.address, port: first.port };
}

/** Unlike any other of this process or of an earlier one (RFC 3261 19.3). */
function tags(): () => string {
  const prefix = randomBytes(6).toString("base64url");
  let count = 0;
  return () => `${prefix}-${(count += 1).toString(36)}`;
}
