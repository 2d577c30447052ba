/** Puts the object path of a shard together: transactions, registrar and home proxy over one location store. */
import { randomBytes } from "node:crypto";
import { promises as dns } from "node:dns";
import type { Authenticator, Login } from "../auth/authenticator.js";
import { type AuthenticatorNeeds, openAuthenticator } from "../auth/open-authenticator.js";
import { areOwnCredentials } from "../auth/own-credentials.js";
import type { Config } from "../config/config.js";
import type { UpstreamTarget } from "../native/address-port.js";
import type { Shard } from "../native/binding.js";
import type { ShardConfig } from "../native/shard-settings.js";
import type { BindingNewsRow } from "../native/inspect.js";
import { LoginState } from "../native/layout.js";
import { binding } from "../native/load.js";
import { NativeStore } from "../location/native-store.js";
import type { LocationStore } from "../location/store.js";
import { Forwarder } from "../proxy/forwarder.js";
import { HomeProxy } from "../proxy/home-proxy.js";
import { leadsTo, listenerOfFlow, pathOf, routeListener } from "../proxy/listeners.js";
import { Admission } from "../proxy/admission.js";
import { shownNames } from "../registrar/address-of-record.js";
import { openRegistrar, registrarRules } from "../registrar/open-registrar.js";
import { DnsRecords } from "../resolve/dns-records.js";
import { ResolvedNames } from "../resolve/resolved-names.js";
import { Domains } from "../sip/domains.js";
import { TransactionTable } from "../transaction/table.js";
import { timerTable } from "../transaction/timers.js";
import { NativeOutlet } from "./native-outlet.js";
import { ObjectPath } from "./object-path.js";
import { learnPastFlows } from "./past-flows.js";
import { RegisterDesk, type SharedBindings } from "./register-desk.js";
import { RequestDesk, type RequestRules, type SharedLookups } from "./request-desk.js";
import { domainsOf, ownHostsOf } from "./served.js";
import { netsOf } from "./shard-config.js";

/** The response to `keep` without a Flow-Timer (RFC 6223 4.4). */
const KEEP_SECONDS = 30;
/** Stands for one in a Path, and occurs in no name. */
const TOKEN = " ";
/** Expired bindings are never returned anyway; this only frees their space. */
const SWEEP_MS = 10_000;

export interface Home {
  readonly path: ObjectPath;
  /** For the operator's questions. */
  readonly store: LocationStore;
  setUpstreams(targets: readonly UpstreamTarget[]): void;
  /** Domains, users and rules of the registrar from now on. Rejects when the users cannot be read; then nothing changes. */
  configure(settings: Config): Promise<void>;
  close(): Promise<void>;
}

export interface HomeEvents {
  /** A failure that is not a client's fault; it may come with every request. */
  readonly onFault: (error: unknown) => void;
  readonly onStore: (isUp: boolean, reason: string) => void;
  /** Something happened to a binding in a Redis. */
  readonly onBinding: (news: BindingNewsRow) => void;
  /** So many rows in a Redis could not be read. */
  readonly onUnread: (rows: number) => void;
  /** It may come for each request. */
  readonly onLogin: (login: Login) => void;
  /** The object path has taken a retransmission. */
  readonly onRetransmission: () => void;
}

/** Rejects when the location store or the users cannot be opened. */
export async function openHome(shard: Shard, config: ShardConfig, settings: Config, { onFault, onStore, onBinding, onUnread, onLogin, onRetransmission }: HomeEvents): Promise<Home> {
  const { listeners, t1Ms, branchSeconds, limits } = config;
  let current = settings;
  const connection = (isUp: boolean, error?: Error): void => onStore(isUp, error?.message ?? "");
  let upstreams: readonly UpstreamTarget[] = [];
  const isUpstream = (address: string): boolean => upstreams.some((target) => target.address === address);
  // Only this sender got the nonce.
  const heardOf = (login: Login): void => {
    shard.heardUs(login.source);
    onLogin(login);
  };
  // C++ knows nobody yet.
  let users: Pick<RegisterDesk, "learn" | "forget"> = { learn: () => undefined, forget: () => undefined };
  const onProven: AuthenticatorNeeds["onProven"] = (user, realm, ha1, keepMs) => users.learn(user, realm, ha1, keepMs);
  const onChanged: AuthenticatorNeeds["onChanged"] = (user, realm) => users.forget(user, realm);
  const needs = { logins: new binding.Logins(config.cluster), report: onFault, onLogin: heardOf, onProven, onChanged };
  let door = await openDoor(settings, isUpstream, needs);
  const { registrar, store, gruus } = await openRegistrar(settings, door.domains, door.authenticator, { report: onFault, connection, tell: onBinding, unread: onUnread });
  const keepSeconds = (): number => (current.flowTimer > 0 ? current.flowTimer : KEEP_SECONDS);
  const servesOutbound = settings.outbound !== "off";
  const bindings = store instanceof NativeStore ? store.table : sharedBindings(shard, listeners, store, onFault);
  const desk = bindings && new RegisterDesk({ shard, bindings, gruuKey: gruus.key, servesOutbound });
  if (desk !== undefined) users = desk;
  desk?.configure(registrarRules(settings, door.domains, door.authenticator), keepSeconds(), takesNumbers(settings));
  const lookups = store instanceof NativeStore ? store.location : sharedLookups(store, onFault);
  const requestDesk = lookups && new RequestDesk({ shard, bindings: lookups, proves: (item) => desk?.login(item) === LoginState.proven });
  requestDesk?.configure(requestRules(settings, door, keepSeconds()));
  const timers = timerTable(t1Ms, branchSeconds);
  const outlet = new NativeOutlet(shard);
  const newTag = tags();
  const table = new TransactionTable({ outlet, timers, port: shard, most: limits.maxPending, newTag, onRetransmission, get keepSeconds() { return keepSeconds(); } });
  const names = new ResolvedNames(new DnsRecords(new dns.Resolver()));
  const forwarder = new Forwarder({
    table,
    port: shard,
    outlet,
    listeners,
    names,
    get timerC() { return current.timerCSeconds * 1_000; },
    get silence() { return current.failoverMs; },
    cancelPatience: timers.memory,
    endsHere: (field) => areOwnCredentials(field, door.realms),
  });
  const proxy = new HomeProxy({
    forwarder,
    store,
    port: shard,
    resolveDestination: (uri) => gruus.resolve(uri, door.domains),
    admission: { admits: (request, sender) => door.admission.admits(request, sender), refusalOf: (request, sender, admitted) => door.admission.refusalOf(request, sender, admitted) },
    isUser: async (address) => (await door.authenticator?.knows(address)) ?? true,
    leadsHere: (route) => leadsTo(listeners, route),
    isOurs: (uri) => door.domains.serves(uri),
    carry: (incoming, callee, wasAnswered) => outlet.carry(incoming, callee, wasAnswered),
    get expectsUpstreams() { return current.upstream.length > 0; },
    get failoverStatus() { return new Set(current.failoverStatus); },
    transportOf: (flow) => listenerOfFlow(listeners, flow)?.transport,
    onFault,
  });
  const path = new ObjectPath({ shard, config, table, store, registrar, proxy, payerOf: (request, sender) => door.admission.payerOf(request, sender), servesOutbound, desk, requestDesk, outlet, onFault });
  const sweeping = config.shard === 0 ? setInterval(() => void store.expire().catch(onFault), SWEEP_MS) : undefined;
  let isOpen = true;
  // The embedded store has learnt them before any shard opened.
  if (config.shard === 0 && store.node !== undefined) {
    const learn = (flow: string, owner: string): boolean => binding.learnPastFlow(config.cluster, config.boot, flow, owner);
    learnPastFlows({ store, learn, isWanted: () => isOpen && binding.flowOwners(config.cluster).forgotten === 0, report: onFault }).catch(onFault);
  }
  const configure = async (changed: Config): Promise<void> => {
    const before = door;
    door = await openDoor(changed, isUpstream, needs);
    current = changed;
    const rules = registrarRules(changed, door.domains, door.authenticator);
    registrar.configure(rules);
    store.setMost(changed.maxBindings);
    desk?.configure(rules, keepSeconds(), takesNumbers(changed));
    requestDesk?.configure(requestRules(changed, door, keepSeconds()));
    await before.authenticator?.close();
  };
  const close = async (): Promise<void> => {
    isOpen = false;
    clearInterval(sweeping);
    desk?.close();
    await door.authenticator?.close();
    await store.close();
  };
  return { path, store, setUpstreams: (targets) => void (upstreams = targets), configure, close };
}

/** The domains and users served here; a reload replaces it. */
interface Door {
  readonly domains: Domains;
  readonly realms: ReadonlySet<string>;
  readonly authenticator: Authenticator | undefined;
  readonly admission: Admission;
}

/** Undefined: the store takes no batches. */
function sharedBindings(shard: Shard, listeners: ShardConfig["listeners"], { node, batches }: LocationStore, onFault: (error: unknown) => void): SharedBindings | undefined {
  if (node === undefined || batches === undefined) return undefined;
  const listener = routeListener(shard, listeners);
  const [routeHead = "", routeTail = ""] = listener === undefined ? [] : pathOf(listener, TOKEN).split(TOKEN);
  return { node: { node, routeHead, routeTail }, batches, onFault };
}

function sharedLookups(store: LocationStore, onFault: (error: unknown) => void): SharedLookups | undefined {
  const { node, batches } = store;
  if (node === undefined || batches === undefined) return undefined;
  return { node, find: (aors) => batches.find(aors), remove: (aor, key, seen) => store.remove(aor, key, seen), onFault };
}

const takesNumbers = ({ fastPath }: Config): boolean => fastPath === "on";

function requestRules(config: Config, { domains, authenticator }: Door, keepSeconds: number): RequestRules {
  const { foreignCallers, edges, trusted = [], failoverStatus, timerCSeconds, failoverMs } = config;
  const nets = { edges: netsOf(edges), trusted: netsOf(trusted) };
  const settings = { ...nets, domains: shownNames(domains), failoverStatus, timerCMs: timerCSeconds * 1_000, silenceMs: failoverMs, keepSeconds };
  return { isOpen: takesNumbers(config) && !domains.isEmpty, authenticates: authenticator !== undefined, foreignCallers, settings };
}

async function openDoor(settings: Config, isUpstream: (address: string) => boolean, needs: AuthenticatorNeeds): Promise<Door> {
  const { foreignCallers, edges, trusted = [] } = settings;
  const domains = new Domains(domainsOf(settings), ownHostsOf(settings));
  const authenticator = await openAuthenticator(settings, domains, needs);
  const admission = new Admission({ authenticator, domains, foreignCallers, edges, trusted, isUpstream });
  return { domains, realms: domains.realms, authenticator, admission };
}

/** Unique across this process and earlier ones (RFC 3261 19.3). */
function tags(): () => string {
  const prefix = randomBytes(6).toString("base64url");
  let count = 0;
  return () => `${prefix}-${(count += 1).toString(36)}`;
}
