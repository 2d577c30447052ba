/** The transactions of one shard, and the matching of messages to them (RFC 3261 17.1.3 and 17.2.3). */
import { createHmac, randomBytes } from "node:crypto";
import type { ObjectPort } from "../native/object-port.js";
import { Const } from "../native/layout.js";
import { SipMessage } from "../sip/message.js";
import { type Sent, octetsOf } from "../sip/request.js";
import { CompletedTransactions } from "./completed.js";
import { type ClientUser, ClientTransaction, type Failure } from "./client.js";
import { type Hop, type Outlet, type Payer, type Sender, mayAnswer } from "./hop.js";
import type { MovingClient, MovingServer, MovingTransactions } from "./moving.js";
import { toOctets } from "./moving.js";
import { ServerTransaction } from "./server.js";
import type { TimerTable } from "./timers.js";

export interface TableOptions {
  readonly outlet: Outlet;
  readonly timers: TimerTable;
  /** Whether there is room for one more. */
  readonly port: Pick<ObjectPort, "reserve" | "release">;
  /** Maximum number of responses remembered for retransmissions. */
  readonly most: number;
  readonly keepSeconds: number;
  /** Makes the To tag of responses that are made here. */
  readonly newTag: () => string;
  /** For the metric. */
  readonly onRetransmission: () => void;
}

const COOKIE = /^z9hG4bK/i;
/** What a transaction takes besides its message. */
const OVERHEAD = 2_048;
/** Average size of a remembered response. */
const ANSWER_OCTETS = 1_024;

/** Why a request was not sent: its payer already uses too much, or nothing leads there. */
export type Unsent = "no room" | "no way";

export class TransactionTable {
  readonly #options: TableOptions;
  #tagKey = randomBytes(16);
  readonly #servers = new Map<string, ServerTransaction>();
  /** New in this turn: most are answered before it ends, and need no timer. */
  #fresh: ServerTransaction[] = [];
  readonly #completedServers: CompletedTransactions;
  readonly #clients = new Map<string, ClientTransaction>();
  /** Those whose INVITE was refused: their ACKs, by their keys. */
  readonly #completedClients: CompletedTransactions;
  /** Client transactions by the flow that their request left by. */
  readonly #byFlow = new Map<string, Set<ClientTransaction>>();

  constructor(options: TableOptions) {
    this.#options = options;
    this.#completedServers = new CompletedTransactions(options.timers.memory, options.most, options.most * ANSWER_OCTETS);
    this.#completedClients = new CompletedTransactions(options.timers.d, options.most, options.most * ANSWER_OCTETS);
  }

  /** Requests that were not answered yet. */
  get open(): number {
    let count = 0;
    for (const server of this.#servers.values()) if (server.isOpen) count += 1;
    return count;
  }

  get opened(): readonly (readonly [string, ServerTransaction])[] {
    return [...this.#servers].filter(([, server]) => server.isOpen);
  }

  /** True: the request came before, and what answered it is sent again. */
  takesRetransmission(key: string): boolean {
    const { outlet, onRetransmission } = this.#options;
    const server = this.#servers.get(key);
    const completed = server === undefined ? this.#completedServers.get(key) : undefined;
    if (server !== undefined) server.onRetransmission();
    else if (completed !== undefined) outlet.answer(completed.way, completed.octets, false);
    else return false;
    onRetransmission();
    return true;
  }

  /** True: the ACK is for a final response of one of our transactions, and ends here. */
  acknowledge(key: string): boolean {
    return this.#servers.get(key)?.acknowledge() ?? false;
  }

  /** The INVITE that a CANCEL refers to (RFC 3261 9.2). */
  findCancelled(cancel: SipMessage, sender: Sender): ServerTransaction | undefined {
    return this.#servers.get(serverKey(cancel, "INVITE", sender));
  }

  /** The To tag of a stateless response, by which we recognise its ACK. */
  statelessTag(key: string): string {
    return createHmac("sha256", this.#tagKey).update(key).digest("base64url").slice(0, 16);
  }

  /** Undefined: there is no room for it. `key`: that of the request; `room`: Const.roomOpening and so on. */
  newServerTransaction(key: string, request: SipMessage, sender: Sender, payer: Payer, room: number): ServerTransaction | undefined {
    const place = this.#options.port.reserve(payer.address, 1, request.octets.length + OVERHEAD, room, payer.isExempt);
    if (place === 0) return undefined;
    const transaction = this.#newServer(key, request, sender, payer, place);
    if (this.#fresh.push(transaction) === 1) setImmediate(() => this.#turnEnds());
    return transaction;
  }

  #turnEnds(): void {
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const transaction of fresh) transaction.wait();
  }

  #newServer(key: string, request: SipMessage, sender: Sender, payer: Payer, place: number, moved?: MovingServer): ServerTransaction {
    const { outlet, timers, port, keepSeconds, newTag } = this.#options;
    const onEnd = (): void => {
      this.#servers.delete(key);
      port.release(place);
    };
    const onAnswered = (octets: Uint8Array): void => this.#completedServers.add(key, octets, sender.answerFlow);
    const transaction = new ServerTransaction({ request, sender, payer, outlet, timers, keepSeconds, toTag: moved?.toTag ?? newTag(), statelessTag: () => this.statelessTag(key), onAnswered, onEnd }, moved);
    this.#servers.set(key, transaction);
    return transaction;
  }

  /** Sends a request whose top Via has a branch of ours; if that fails, no transaction is left. `payer`: whose share it counts towards. */
  newClientTransaction(branch: string, method: string, sent: Sent, hop: Hop, user: ClientUser, payer?: Payer, moved?: MovingClient): ClientTransaction | Unsent {
    const { outlet, timers, port } = this.#options;
    const place = payer && port.reserve(payer.address, 0, octetsOf(sent).length + OVERHEAD, Const.roomOpening, payer.isExempt);
    if (place === 0) return "no room";
    const key = clientKey(branch, method);
    const onEnd = (): void => {
      if (place !== undefined) port.release(place);
      this.#clients.delete(key);
      if (transaction.flow !== undefined) this.#forget(transaction.flow, transaction);
    };
    const onRefused = (ack: Uint8Array): void => this.#completedClients.add(key, ack, JSON.stringify(hop));
    const transaction = new ClientTransaction({ method, sent, hop, outlet, timers, user, onRefused, onEnd });
    this.#clients.set(key, transaction);
    if (moved !== undefined) transaction.goOn(moved);
    else if (!transaction.start()) return "no way";
    if (transaction.flow !== undefined) this.#remember(transaction.flow, transaction);
    return transaction;
  }

  /** False: it answers nothing that we sent, or comes from elsewhere than the request went; it is dropped (RFC 6026 8.2). */
  receive(response: SipMessage, sender: Sender): boolean {
    const { via } = response;
    const key = via && clientKey(via.branch, response.cseq.method);
    if (key === undefined) return false;
    const transaction = this.#clients.get(key);
    if (transaction === undefined) return response.status >= 300 && this.#acknowledgesAgain(key, sender);
    if (!mayAnswer(transaction.hop, sender)) return false;
    transaction.receive(response);
    return true;
  }

  /** The refusal came again (RFC 3261 17.1.1.2). */
  #acknowledgesAgain(key: string, sender: Sender): boolean {
    const completed = this.#completedClients.get(key);
    if (completed === undefined) return false;
    const hop = JSON.parse(completed.way) as Hop;
    if (!mayAnswer(hop, sender)) return false;
    this.#options.outlet.send(hop, completed.octets);
    return true;
  }

  /** Fails everything that waits for an answer over this flow. */
  flowEnded(flow: string): void {
    for (const transaction of [...(this.#byFlow.get(flow) ?? [])]) transaction.fail("transport");
  }

  /** The request with this branch could not be sent after all. */
  sendFailed(branch: string, why: Failure): void {
    for (const method of ["INVITE", ""]) this.#clients.get(`${branch} ${method}`)?.fail(why);
  }

  /** The flow over which the request with this branch was sent; undefined: it is forgotten. */
  flowOf(branch: string): string | undefined {
    return (this.#clients.get(`${branch} INVITE`) ?? this.#clients.get(`${branch} `))?.flow;
  }

  /** For the next process: everything but the copies that were sent, which their users know. */
  moving(): MovingTransactions {
    const servers = [...this.#servers].map(([key, server]) => server.moving(key));
    return { tagKey: this.#tagKey.toString("base64"), servers, answered: this.#completedServers.moving() };
  }

  /** The server transactions of the process before, by their keys. */
  goOn({ tagKey, servers, answered }: MovingTransactions): ReadonlyMap<string, ServerTransaction> {
    this.#tagKey = Buffer.from(tagKey, "base64");
    const { port } = this.#options;
    for (const moved of servers) {
      const { key, sender, payer } = moved;
      const request = new SipMessage(toOctets(moved.request));
      this.#newServer(key, request, sender, payer, port.reserve(payer.address, 1, request.octets.length + OVERHEAD, Const.roomEnding, payer.isExempt), moved);
    }
    for (const answer of answered) this.#completedServers.goOn(answer);
    return this.#servers;
  }

  /** Another process has them: all end without a word. */
  drop(): void {
    for (const server of [...this.#servers.values()]) server.drop();
    for (const client of [...this.#clients.values()]) client.abandon();
  }

  #remember(flow: string, transaction: ClientTransaction): void {
    const those = this.#byFlow.get(flow);
    if (those) those.add(transaction);
    else this.#byFlow.set(flow, new Set([transaction]));
  }

  #forget(flow: string, transaction: ClientTransaction): void {
    const those = this.#byFlow.get(flow);
    those?.delete(transaction);
    if (those?.size === 0) this.#byFlow.delete(flow);
  }
}

/** A CANCEL shares the branch of its request; no other methods share one. */
function clientKey(branch: string, method: string): string {
  return `${branch} ${method === "INVITE" || method === "CANCEL" ? method : ""}`;
}

/**
 * Branch, sent-by, method and flow: copying a branch does not lead into someone else's transaction (TX-10). Neighbours
 * may come back over another connection. Without the magic cookie the rules of RFC 2543 apply. A REGISTER is the same one only if it is about the
 * same address, in the same call: `Registering::transaction_of` says why.
 */
export function serverKey(request: SipMessage, method: string, sender: Sender): string {
  const top = request.values("Via")[0] ?? "";
  const { via } = request;
  const who = sender.fromCore ? sender.address : sender.flow;
  const kind = method === "ACK" ? "INVITE" : method;
  const isSame = via && COOKIE.test(via.branch);
  if (isSame && kind === "REGISTER") return `${kind} ${via.branch} ${via.sentBy} ${who} ${request.uri} ${request.callId} ${request.tagOf("From") ?? ""} ${request.cseq.number} ${request.header("To") ?? ""}`;
  if (isSame) return `${kind} ${via.branch} ${via.sentBy} ${who}`;
  return `${kind} ${top} ${request.uri} ${request.tagOf("From") ?? ""} ${request.callId} ${request.cseq.number} ${who}`;
}
