/** The object path of a shard: it takes messages that need more than numbers to their transaction, the registrar or the home proxy. */
import { Arrivals } from "../native/arrivals.js";
import type { Shard } from "../native/binding.js";
import type { FlowEvent } from "../native/object-port.js";
import type { ShardConfig } from "../native/shard-settings.js";
import { Action, Const, FlowFlag, HeaderFlag, ObjectEvent, RecordField, ScanError, VerdictField } from "../native/layout.js";
import { setTimeout as sleep } from "node:timers/promises";
import type { Binding } from "../location/binding.js";
import type { LocationStore } from "../location/store.js";
import type { HomeProxy } from "../proxy/home-proxy.js";
import { pathOf, routeListener } from "../proxy/listeners.js";
import { isThisHost } from "../base/this-host.js";
import type { Incoming } from "../proxy/forwarder.js";
import type { Registrar } from "../registrar/registrar.js";
import { faultOf } from "../sip/fault.js";
import { SipMessage } from "../sip/message.js";
import { undoStrictRoute } from "../sip/request.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import type { Payer, Sender } from "../transaction/hop.js";
import type { ServerTransaction } from "../transaction/server.js";
import { type TransactionTable, serverKey } from "../transaction/table.js";
import { walkRoutes, walked } from "../edge/route-walk.js";
import { failRow, reply } from "../edge/verdicts.js";
import { ownerOf } from "../proxy/target.js";
import type { MovingContext } from "../proxy/response-context.js";
import type { MovingTransactions } from "../transaction/moving.js";
import type { NativeOutlet } from "./native-outlet.js";
import type { RegisterDesk } from "./register-desk.js";
import type { RequestDesk } from "./request-desk.js";

export interface ObjectPathOptions {
  readonly shard: Shard;
  readonly config: ShardConfig;
  readonly table: TransactionTable;
  readonly store: LocationStore;
  readonly registrar: Registrar;
  readonly proxy: HomeProxy;
  readonly payerOf: (request: SipMessage, sender: Sender) => Payer;
  readonly servesOutbound: boolean;
  /** Undefined: all REGISTERs take the object path. */
  readonly desk: RegisterDesk | undefined;
  /** Undefined: so do all other requests. */
  readonly requestDesk: RequestDesk | undefined;
  readonly outlet: Pick<NativeOutlet, "hold" | "goOn">;
  readonly onFault: (error: unknown) => void;
}

/** What one process leaves to the next. */
interface Moving {
  readonly transactions: MovingTransactions;
  /** By the keys of the server transactions. */
  readonly contexts: Readonly<Record<string, MovingContext>>;
}

/** A store that does not answer must not hold up an upgrade for longer; whoever waits for it gets 503. */
const REST_MS = 1_000;
/** Octets of a response to REGISTER besides its Contacts and what it copies from the request. */
const ANSWER_OWN = 512;
/** Too many transactions. */
const BUSY: ResponseSpec = { status: 503, headers: [["Retry-After", "10"]] };

/** C++ has answered the request before, and answers it again. */
const REPEAT = "repeat";

/** How a request came. */
interface Arrival {
  readonly item: number;
  readonly listener: number;
  readonly isFirstHop: boolean;
  /** Const.roomOpening and so on. */
  readonly room: number;
  /** Of a REGISTER: `RegisterDesk.whoOf`. */
  readonly who: number;
  /** `RegisterDesk.repeats`. */
  readonly isAnswered: boolean;
}

export class ObjectPath {
  readonly #options: ObjectPathOptions;
  readonly #arrivals: Arrivals;
  #isLeaving = false;
  /** REGISTERs that wait for the store, or for what is known about users. */
  #registering = 0;

  constructor(options: ObjectPathOptions) {
    this.#options = options;
    this.#arrivals = new Arrivals(options.shard);
  }

  /** Requests that were not answered yet. */
  get open(): number {
    return this.#options.table.open;
  }

  /** Decides on the messages of a batch for which numbers are enough; returns how many messages are left for `receive`. Never throws. */
  settle(count: number, records: Int32Array, verdicts: Int32Array): number {
    const { desk, requestDesk, onFault } = this.#options;
    let left = 0;
    desk?.startBatch();
    for (let item = 0; item < count; item += 1) {
      const out = item * Const.verdictFields;
      if (verdicts[out + VerdictField.action] !== Action.object) continue;
      try {
        if (desk?.takes(item, records, verdicts) !== true && requestDesk?.takes(item, verdicts) !== true) left += 1;
      } catch (error) {
        onFault(error);
        failRow(records, item * Const.recordFields, verdicts, out);
      }
    }
    return left;
  }

  /** Takes one message of the batch. */
  receive(item: number, records: Int32Array, verdicts: Int32Array): void {
    const { shard, table, desk, requestDesk, payerOf } = this.#options;
    const row = item * Const.recordFields;
    if (records[row + RecordField.isResponse] === 0 && requestDesk?.follows(item) === true) {
      verdicts[item * Const.verdictFields + VerdictField.action] = Action.proxy;
      return;
    }
    const { octets, origin, loop } = this.#arrivals.take(item);
    const message = new SipMessage(octets);
    if (records[row + RecordField.isResponse] !== 0) {
      // Only the target of the request can have responded.
      const isAnswer = table.receive(message, origin);
      if (isAnswer && !origin.fromCore && origin.flow.startsWith("u")) shard.heardUs(origin.address);
      return;
    }
    walkRoutes(records, row);
    // Then the first of our own "Routes" is the Request-URI.
    const isStrict = (records[row + RecordField.headers]! & HeaderFlag.strictUri) !== 0;
    const request = isStrict ? undoStrictRoute(message) : message;
    const ownRoutes = isStrict ? walked.cut - 1 : walked.cut;
    const isAdmitted = requestDesk?.isAdmitted(item) === true;
    const isCarriable = requestDesk?.isOpen === true && !isStrict && !isAdmitted && walked.target < 0;
    const incoming = { request, sender: origin, payer: payerOf(request, origin), loop, ownRoutes, isAdmitted, isCarriable };
    const room = roomOf(message.method, records[row + RecordField.flowFlags]!);
    // A request that follows a live flow never comes here.
    const followed = walked.target < 0 ? incoming : { ...incoming, deadFlow: { owner: shard.routeOwner(item, walked.target) } };
    const refusal = this.#request(followed, { item, listener: origin.listener, isFirstHop: records[row + RecordField.viaCount] === 1, room, who: desk?.whoOf(item) ?? 0, isAnswered: desk?.repeats(item) === true });
    if (refusal === REPEAT) verdicts[item * Const.verdictFields + VerdictField.action] = Action.register;
    else if (refusal !== undefined) this.#refuse(item, verdicts, refusal);
  }

  /** Resolves when no REGISTER waits for the store or its users any more, or after a while. Lookups are asked again by the next process. */
  async rest(): Promise<void> {
    const { desk } = this.#options;
    const until = performance.now() + REST_MS;
    while (this.#registering + (desk?.saving ?? 0) > 0 && performance.now() < until) await sleep(1);
  }

  /** Nothing more is read: who waits for a lookup is left to the next process. */
  pause(): void {
    this.#options.requestDesk?.hold();
  }

  /** Nothing is sent any more. */
  hold(): void {
    this.#options.outlet.hold();
  }

  /** What the next process needs to go on. */
  moving(): string {
    const { table, proxy } = this.#options;
    const transactions = table.moving();
    const contexts = Object.fromEntries(table.opened.flatMap(([key, server]) => {
      const context = proxy.moving(server);
      return context === undefined ? [] : [[key, context]];
    }));
    return JSON.stringify({ transactions, contexts } satisfies Moving);
  }

  /** Takes on what the process before has left. */
  takeOver(text: string): void {
    const { table, proxy } = this.#options;
    const { transactions, contexts } = JSON.parse(text) as Moving;
    for (const [key, server] of table.goOn(transactions)) {
      const context = contexts[key];
      if (context !== undefined) proxy.goOn(server, context);
      // Nobody has been asked yet, and the caller may try again at once.
      else if (server.isOpen) server.respond(BUSY);
    }
  }

  /** No other process took over. */
  goOn(): void {
    this.#options.outlet.goOn();
    this.#options.requestDesk?.goOn();
  }

  /** Another one did. */
  drop(): void {
    this.#options.proxy.drop();
    this.#options.table.drop();
  }

  /** The process is ending, or stays after all: the next run learns from its bindings who registered over which connection. */
  leave(isLeaving: boolean): void {
    this.#isLeaving = isLeaving;
  }

  /** Reports ended flows and failed sends. */
  onFlowEvents(events: readonly FlowEvent[]): void {
    const { table, store, onFault } = this.#options;
    for (const { kind, text } of events) {
      try {
        if (kind === ObjectEvent.sendFailed) table.sendFailed(text, "transport");
        else if (kind === ObjectEvent.tooLarge) table.sendFailed(text, "too large");
        else if (kind === ObjectEvent.heldBack) table.sendFailed(text, "held back");
        else if (kind === ObjectEvent.unreachable) this.#unreachable(table.flowOf(text));
        else table.flowEnded(text);
      } catch (error) {
        onFault(error);
      }
      // It is enough if one shard tells the store.
      if (kind === ObjectEvent.flowGone) store.removeFlow(text, this.#isLeaving).catch(onFault);
    }
  }

  /** ICMP reports that a request of ours reached nothing: all bindings of that flow end (RFC 5626 7). */
  #unreachable(flow: string | undefined): void {
    const { table, store, onFault } = this.#options;
    if (flow === undefined) return;
    table.flowEnded(flow);
    store.removeFlow(flow).catch(onFault);
  }

  /** A stateless refusal; undefined: something else has taken the request. */
  #request(incoming: Incoming, arrival: Arrival): ResponseSpec | typeof REPEAT | undefined {
    const { table, proxy, requestDesk, onFault } = this.#options;
    const { request, sender, payer } = incoming;
    const key = request.error === ScanError.none ? serverKey(request, request.method, sender) : "";
    // RFC 3261 17.2.3: a repetition is one, whatever else its sender has changed.
    if (request.method !== "ACK" && table.takesRetransmission(key)) return undefined;
    if (arrival.isAnswered) return REPEAT;
    const fault = faultOf(request);
    if (fault !== undefined) return request.method === "ACK" ? undefined : { status: 400, reason: fault, headers: [] };
    if (request.method === "ACK") {
      const isForUs = table.acknowledge(key) || request.tagOf("To") === table.statelessTag(key);
      if (!isForUs) proxy.acknowledge(incoming).catch(onFault);
      return undefined;
    }
    const isProxied = request.method !== "CANCEL" && request.method !== "REGISTER";
    const admitted = isProxied ? proxy.admits(incoming) : "yes";
    if (isProxied && proxy.carries(incoming, admitted)) {
      requestDesk?.carries(arrival.item);
      return undefined;
    }
    const server = table.newServerTransaction(key, request, sender, payer, arrival.room);
    if (server === undefined) return BUSY;
    const failed = (error: unknown): void => this.#failed(server, error);
    try {
      if (request.method === "CANCEL") this.#cancel(server, incoming);
      else if (request.method === "REGISTER") void this.#registerInTurn(server, arrival).catch(failed);
      else proxy.handle(server, incoming, admitted).catch(failed);
    } catch (error) {
      failed(error);
    }
    return undefined;
  }

  /** Answers the sender, and so ends the transaction. */
  #failed(server: ServerTransaction, error: unknown): void {
    this.#options.onFault(error);
    if (server.isOpen) server.respond({ status: 500, headers: [] });
  }

  /**
   * RFC 3261 9.2: 200 whether it has an effect or not, 481 when the INVITE is unknown. An INVITE that went along a flow was answered when that
   * flow died.
   */
  #cancel(server: ServerTransaction, { request, sender, deadFlow }: Incoming): void {
    const invite = this.#options.table.findCancelled(request, sender);
    server.respond({ status: invite === undefined && deadFlow === undefined ? 481 : 200, headers: [] });
    if (invite?.isOpen) invite.onCancel?.(request);
  }

  /** Later REGISTERs of the address must not overtake this one in C++. */
  async #registerInTurn(server: ServerTransaction, arrival: Arrival): Promise<void> {
    const { desk } = this.#options;
    desk?.hold(arrival.who);
    this.#registering += 1;
    try {
      await this.#register(server, arrival);
    } finally {
      this.#registering -= 1;
      desk?.release(arrival.who);
    }
  }

  async #register(server: ServerTransaction, { listener, isFirstHop: firstHop }: Arrival): Promise<void> {
    const { config, shard, store, registrar, servesOutbound } = this.#options;
    const { address, port, flow, answerFlow, fromCore } = server.sender;
    const transport = config.listeners[listener]?.transport ?? "udp";
    const flowIsOutboundCapable = servesOutbound && firstHop && !fromCore;
    const onSourceFull = (source: string): void => shard.refusedBinding(source);
    const from = { address, port, transport, isEdge: fromCore, isThisHost: isThisHost(address), flowIsOutboundCapable, firstHop, onSourceFull };
    let bound: readonly Binding[] = [];
    const onBound = (bindings: readonly Binding[]): void => void (bound = bindings);
    const client = { ...from, flow, onBound, routeTo: (way: string) => this.#routeOf(way), answerRoom: () => shard.answerRoom(answerFlow) - server.request.octets.length - ANSWER_OWN };
    const response = await registrar.handle(server.request, fromCore ? from : client);
    if (response.status >= 200 && response.status < 300 && !fromCore) {
      // From now on the end of the flow is reported; if it has ended already, at once.
      const timer = response.headers.find(([name]) => name.toLowerCase() === "flow-timer")?.[1];
      const [first] = bound;
      shard.bindFlow(flow, Number(timer ?? 0), first === undefined ? "" : ownerOf(first));
      for (const binding of bound) if (binding.flow !== undefined && binding.flow !== flow) shard.bindFlow(binding.flow, 0, ownerOf(binding));
      const until = Math.max(0, ...bound.map(({ expiresAt }) => expiresAt));
      shard.noteRegister(flow, server.request.octets, until === 0 ? 0 : Math.max(1, Math.round((until - store.now()) / 1_000)));
    }
    server.respond(response);
  }

  /** The Route by which other nodes reach one of our flows, over a transport for neighbours; undefined: there are no other nodes. */
  #routeOf(flow: string): string | undefined {
    const { config, shard, store } = this.#options;
    const listener = store.node !== undefined ? routeListener(shard, config.listeners) : undefined;
    const token = listener && shard.flowToken(flow, true);
    return listener && token && pathOf(listener, token);
  }

  /** Stateless (RFC 3261 8.2.7): the shard writes the answer and absorbs its ACK. */
  #refuse(item: number, verdicts: Int32Array, { status, reason = "", headers }: ResponseSpec): void {
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#options.shard.customReply(item, status, reason, lines);
    reply(verdicts, item * Const.verdictFields, status);
  }
}

/** A flood of one kind of request leaves room for what matters more. */
function roomOf(method: string, flowFlags: number): number {
  if (method === "BYE" || method === "CANCEL") return Const.roomEnding;
  if (method !== "REGISTER") return Const.roomOpening;
  return (flowFlags & FlowFlag.registered) === 0 ? Const.roomRegistering : Const.roomKnown;
}
