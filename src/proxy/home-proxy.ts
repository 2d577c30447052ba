/** The home proxy: handles requests that no token routes (RFC 3261 16.3 to 16.6, RFC 5626 7). */
import type { Binding } from "../location/binding.js";
import { type LocationStore, StoreUnavailable } from "../location/store.js";
import type { UpstreamChoice } from "../native/address-port.js";
import type { ObjectPort } from "../native/object-port.js";
import type { Callee, Destination } from "../registrar/gruu.js";
import type { SipMessage } from "../sip/message.js";
import { type SipUri, isSips, parseUri } from "../sip/uri.js";
import type { Hop } from "../transaction/hop.js";
import type { ServerTransaction } from "../transaction/server.js";
import type { Admission, Admitted } from "./admission.js";
import type { Forwarder, Incoming } from "./forwarder.js";
import { type MovingContext, ResponseContext } from "./response-context.js";
import { SIPS_NOT_ALLOWED, type TransportOf, isSecureFlow, isSecureHop, takesSips } from "./sips.js";
import { type Device, type Reach, type Target, devicesOf, identityOf, ofOwner } from "./target.js";

export interface HomeProxyOptions {
  readonly forwarder: Forwarder;
  readonly store: LocationStore;
  readonly port: Pick<ObjectPort, "flowLives" | "chooseUpstreams" | "noteSilence" | "wasSilent">;
  /** The address of record that a Request-URI of ours means; undefined: none. */
  readonly resolveDestination: (uri: string) => Destination | undefined;
  readonly admission: Pick<Admission, "admits" | "refusalOf">;
  /** Whether that address of ours belongs to a user, with or without bindings. */
  readonly isUser: (address: SipUri) => Promise<boolean>;
  /** Whether a Route of a binding leads to this node itself. */
  readonly leadsHere: (route: string) => boolean;
  /** Whether the users of that host are looked up here. */
  readonly isOurs: (uri: SipUri) => boolean;
  /** Upstreams are configured, even if their names cannot be resolved now. */
  readonly expectsUpstreams: boolean;
  /** Has C++ carry out a request to one of our users, or to an upstream. False: this takes objects. */
  readonly carry: (incoming: Incoming, callee: Callee, wasAnswered: boolean) => boolean;
  readonly failoverStatus: ReadonlySet<number>;
  readonly transportOf: TransportOf;
  readonly onFault: (error: unknown) => void;
}

interface Found {
  readonly destination: Destination;
  readonly devices: readonly Device[];
  /** The bindings include some that a request to a SIPS address must not use. */
  readonly lacksSips: boolean;
}

const UPSTREAM: Callee = { aor: "", instance: "", life: "" };
const MAX_BREADTH = 60;
const RETRY_AFTER: readonly [string, string] = ["Retry-After", "10"];

export class HomeProxy {
  readonly #options: HomeProxyOptions;
  readonly #contexts = new Map<ServerTransaction, ResponseContext>();
  readonly #removing = new Set<string>();
  readonly #cancelled = new WeakMap<ServerTransaction, readonly string[]>();

  constructor(options: HomeProxyOptions) {
    this.#options = options;
  }

  /** What the rule says of a new request, before anything is proved. */
  admits({ request, sender, isAdmitted, deadFlow }: Incoming): Admitted {
    return isAdmitted || deadFlow !== undefined ? "yes" : this.#options.admission.admits(request, sender);
  }

  /** Leaves a request to C++ before it has a transaction, if nobody has to prove anything (docs/decisions/objects-decide.md). */
  carries(incoming: Incoming, admitted: Admitted): boolean {
    return incoming.isCarriable && admitted === "yes" && this.#carry(incoming, false);
  }

  /** The same once its caller has proved who he is. */
  #carriesProven(server: ServerTransaction, incoming: Incoming): boolean {
    if (!incoming.isCarriable || !server.isOpen || this.#cancelled.has(server)) return false;
    const isCarried = this.#carry(incoming, incoming.request.method === "INVITE");
    if (isCarried) server.abandon();
    return isCarried;
  }

  /** Handles a new request; its transaction always gets an answer in the end. */
  async handle(server: ServerTransaction, incoming: Incoming, admitted: Admitted): Promise<void> {
    server.onCancel = (cancel) => this.#cancel(server, cancel);
    try {
      const status = await this.#proceed(server, incoming, admitted);
      if (status !== undefined) server.respond({ status, headers: status === 503 ? [RETRY_AFTER] : [] });
    } catch (error) {
      const isAway = error instanceof StoreUnavailable;
      if (!isAway) this.#options.onFault(error);
      server.respond({ status: isAway ? 503 : 500, headers: isAway ? [RETRY_AFTER] : [] });
    }
  }

  /** An ACK that no transaction waited for goes on to its Request-URI (RFC 6026 7.1). */
  async acknowledge(incoming: Incoming): Promise<void> {
    const target = await this.#ackTarget(incoming).catch(() => undefined);
    if (target !== undefined) await this.#options.forwarder.pass(incoming, target);
  }

  async #ackTarget({ request, deadFlow }: Incoming): Promise<Target | undefined> {
    if (deadFlow !== undefined) return (await this.#ownerDevice(deadFlow.owner, request.uri))?.targets[0];
    return this.#isForUs(request) ? (await this.#devices(request.uri))?.devices[0]?.targets[0] : undefined;
  }

  /** The status to answer with; undefined: the branches will answer. */
  async #proceed(server: ServerTransaction, incoming: Incoming, admitted: Admitted): Promise<number | undefined> {
    const { request, sender, deadFlow } = incoming;
    if (deadFlow !== undefined) return this.#follow(server, incoming, deadFlow.owner);
    if (admitted !== "yes") {
      const refusal = await this.#options.admission.refusalOf(request, sender, admitted);
      if (refusal !== undefined) return void server.respond(refusal);
      if (this.#carriesProven(server, incoming)) return undefined;
    }
    if (isSips(request.uri) && !isSecureFlow(sender.flow, this.#options.transportOf)) return this.#refuseSips(server);
    if (!this.#isForUs(request)) {
      const { port, expectsUpstreams } = this.#options;
      const choices = port.chooseUpstreams(request.callId);
      if (choices === undefined && !expectsUpstreams) return sender.fromCore ? 404 : 403;
      const all = (choices ?? []).map(hopOfUpstream);
      if (all.length === 0) return 503;
      const hops = isSips(request.uri) ? all.filter((hop) => isSecureHop(hop, this.#options.transportOf)) : all;
      if (hops.length === 0) return this.#refuseSips(server);
      return this.#fork(server, incoming, [{ name: "upstream", q: 1_000, targets: [{ uri: request.uri, hops, routes: [], binding: undefined }] }]);
    }
    const found = await this.#devices(request.uri);
    if (found === undefined) return 404;
    if (found.devices.length === 0 && found.lacksSips) return this.#refuseSips(server);
    if (found.devices.length === 0) return (await this.#exists(found.destination)) ? 480 : 404;
    return this.#fork(server, incoming, found.devices);
  }

  #carry(incoming: Incoming, wasAnswered: boolean): boolean {
    const { request, ownRoutes } = incoming;
    if (isSips(request.uri) || request.values("Route").length > ownRoutes) return false;
    if (!this.#isForUs(request)) return this.#options.expectsUpstreams && this.#options.carry(incoming, UPSTREAM, wasAnswered);
    const destination = this.#options.resolveDestination(request.uri);
    return destination !== undefined && this.#options.carry(incoming, destination, wasAnswered);
  }

  #refuseSips(server: ServerTransaction): undefined {
    server.respond(SIPS_NOT_ALLOWED);
    return undefined;
  }

  /**
   * A request with the token of a flow that is gone: it goes to where the device is now, with the Request-URI as it is. Only a neighbour gets 430, and may
   * try another flow (RFC 5626 5.3.1, 11.5).
   */
  async #follow(server: ServerTransaction, incoming: Incoming, owner: string | undefined): Promise<number | undefined> {
    const { uri } = incoming.request;
    const device = await this.#ownerDevice(owner, uri);
    if (device === undefined) return incoming.sender.fromCore ? 430 : 480;
    return this.#fork(server, incoming, [device], async () => (await this.#ownerDevice(owner, uri))?.targets ?? []);
  }

  async #ownerDevice(owner: string | undefined, uri: string): Promise<Device | undefined> {
    if (owner === undefined) return undefined;
    const { aor, owns } = ofOwner(owner);
    const [device] = this.#devicesOf((await this.#options.store.lookup(aor)).filter(owns));
    return device && { ...device, targets: device.targets.map((target) => ({ ...target, uri })) };
  }

  #fork(
    server: ServerTransaction,
    incoming: Incoming,
    devices: readonly Device[],
    newTargets = (device: Device): Promise<readonly Target[]> => this.#targetsOf(incoming.request.uri, device),
  ): number | undefined {
    const { forwarder, failoverStatus } = this.#options;
    if (!server.isOpen) return undefined;
    if (this.#cancelled.has(server)) return 487;
    const breadth = breadthOf(incoming.request);
    if (breadth < 1) return 440;
    const context = new ResponseContext({
      server,
      devices,
      breadth,
      failoverStatus,
      waysTo: (target) => forwarder.waysTo(incoming, target),
      prepare: (target, hop, share, hasOther, user) => forwarder.prepare(incoming, target, hop, share, hasOther, user),
      onFlowFailed: (binding) => this.#flowFailed(binding),
      onSilence: (binding, silent) => this.#options.port.noteSilence(identityOf(binding), silent),
      newTargets,
      onFault: this.#options.onFault,
      onEnd: () => void this.#contexts.delete(server),
    });
    this.#contexts.set(server, context);
    context.start();
    return undefined;
  }

  /** What becomes of this request, for the next process; undefined: no copy of it waits for a response. */
  moving(server: ServerTransaction): MovingContext | undefined {
    return this.#contexts.get(server)?.moving();
  }

  /** A request of the process before, whose copies wait for their responses. */
  goOn(server: ServerTransaction, moved: MovingContext): void {
    const { forwarder, failoverStatus, onFault } = this.#options;
    server.onCancel = (cancel) => this.#cancel(server, cancel);
    const context = new ResponseContext({
      server,
      devices: [],
      breadth: 1,
      failoverStatus,
      waysTo: () => Promise.resolve([]),
      prepare: () => undefined,
      onFlowFailed: () => undefined,
      onSilence: () => undefined,
      newTargets: () => Promise.resolve([]),
      onFault,
      onEnd: () => void this.#contexts.delete(server),
    });
    this.#contexts.set(server, context);
    context.goOn(moved, (branch, user) => forwarder.goOn(branch, user));
  }

  /** Another process has them all. */
  drop(): void {
    for (const context of this.#contexts.values()) context.drop();
    this.#contexts.clear();
  }

  #cancel(server: ServerTransaction, cancel: SipMessage): void {
    const reasons = cancel.headers("Reason");
    this.#cancelled.set(server, reasons);
    this.#contexts.get(server)?.cancel(reasons);
  }

  /** A temporary GRUU without a binding is no longer an address (RFC 5627 5.3); nor is the address of an unknown user. */
  async #exists({ kind, aor }: Destination): Promise<boolean> {
    if (kind === "temporary-gruu") return false;
    const address = parseUri(aor);
    return address === undefined || (await this.#options.isUser(address));
  }

  #isForUs({ uri }: SipMessage): boolean {
    const parsed = parseUri(uri);
    return parsed !== undefined && this.#options.isOurs(parsed);
  }

  /** Undefined: nobody here has that address. */
  async #devices(uri: string): Promise<Found | undefined> {
    const destination = this.#options.resolveDestination(uri);
    if (destination === undefined) return undefined;
    const bindings = destination.pick(await this.#options.store.lookup(destination.aor));
    const devices = this.#devicesOf(bindings);
    if (!isSips(uri)) return { destination, devices, lacksSips: false };
    const reachable = this.#devicesOf(bindings.filter((binding) => takesSips(binding, this.#options.transportOf)));
    return { destination, devices: reachable, lacksSips: reachable.length < devices.length };
  }

  #devicesOf(bindings: readonly Binding[]): readonly Device[] {
    const reached = new Map<Binding, Reach>();
    for (const binding of bindings) {
      const reach = this.#reachOf(binding);
      if (reach !== undefined) reached.set(binding, reach);
    }
    return devicesOf(reached, (binding) => this.#options.port.wasSilent(identityOf(binding)));
  }

  async #targetsOf(uri: string, device: Device): Promise<readonly Target[]> {
    const found = await this.#devices(uri);
    return found?.devices.find(({ name }) => name === device.name)?.targets ?? [];
  }

  /**
   * Undefined: by no way. A flow of before a restart, or one that has ended, takes its binding with it the first time that somebody asks for
   * it, unless the Contact can be dialled. A flow of another node is that node's to judge.
   */
  #reachOf(binding: Binding): Reach | undefined {
    const { flow, path, direct } = binding;
    if (this.#removing.has(identityOf(binding))) return undefined;
    const [route] = path;
    if (flow === undefined) return route === undefined ? "contact" : "path";
    if (!this.#isOwn(binding)) return route === undefined || this.#options.leadsHere(route) ? undefined : "path";
    if (this.#options.port.flowLives(flow)) return { kind: "flow", flow };
    if (direct === true) return "contact";
    this.#remove(binding);
    return undefined;
  }

  /** Whether its flow, if it has one, is one of this node. Rows of earlier versions name no node. */
  #isOwn({ flow, node, path: [route] }: Binding): boolean {
    const { store, leadsHere } = this.#options;
    return flow === undefined || node === store.node || (node === undefined && route !== undefined && leadsHere(route));
  }

  #flowFailed(binding: Binding): void {
    if (binding.direct !== true && this.#isOwn(binding)) this.#remove(binding);
  }

  /** The binding is left out here until the store has removed it. */
  #remove(binding: Binding): void {
    const { store, onFault } = this.#options;
    const identity = identityOf(binding);
    this.#removing.add(identity);
    const { aor, key, updatedAt } = binding;
    store
      .remove(aor, key, updatedAt)
      .catch(onFault)
      .finally(() => this.#removing.delete(identity));
  }
}

function hopOfUpstream({ transport, address, port, name }: UpstreamChoice): Hop {
  return { kind: "address", transport, address, port, host: name };
}

/** RFC 5393 5.3.3: inserted where it is missing, and lowered where it is too large. */
function breadthOf(request: SipMessage): number {
  const given = request.header("Max-Breadth");
  return given !== undefined && /^\d{1,9}$/.test(given) ? Math.min(Number(given), MAX_BREADTH) : MAX_BREADTH;
}
