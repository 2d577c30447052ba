/** Server transactions (RFC 3261 17.2, RFC 6026 7.1): a received request and our answers to it. */
import type { SipMessage } from "../sip/message.js";
import { makeResponse } from "../sip/response.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import type { Outlet, Payer, Sender } from "./hop.js";
import { type MovingServer, type ServerState, toOctets, toText } from "./moving.js";
import { Timer, type TimerTable } from "./timers.js";

export interface ServerOptions {
  readonly request: SipMessage;
  readonly sender: Sender;
  /** Whose share of our memory it takes. */
  readonly payer: Payer;
  readonly outlet: Outlet;
  readonly timers: TimerTable;
  /** The To tag of our own responses. */
  readonly toTag: string;
  /** The To tag of stateless responses: the same for each retransmission of the request (RFC 3261 8.2.7). */
  readonly statelessTag: () => string;
  /** The response to `keep`, in seconds (RFC 6223). */
  readonly keepSeconds: number;
  /** Called with the final response to a non-INVITE request over UDP: it may have to be repeated after the transaction has ended. */
  readonly onAnswered: (octets: Uint8Array) => void;
  readonly onEnd: () => void;
}

export class ServerTransaction {
  readonly #options: ServerOptions;
  readonly #isInvite: boolean;
  readonly #isReliable: boolean;
  readonly #resend = new Timer();
  readonly #deadline = new Timer();
  #state: ServerState = "proceeding";
  #last: Uint8Array | undefined;
  #interval: number;
  /** Called when the INVITE was cancelled. */
  onCancel: ((cancel: SipMessage) => void) | undefined;

  /** `moved`: how far it got in the process before. */
  constructor(options: ServerOptions, moved?: MovingServer) {
    this.#options = options;
    this.#isInvite = options.request.method === "INVITE";
    this.#isReliable = options.outlet.isReliableFlow(options.sender.flow);
    this.#interval = options.timers.t1;
    // RFC 3261 17.2.1: this stops retransmissions.
    if (moved !== undefined) this.#goOn(moved);
    else if (this.#isInvite) this.respond({ status: 100, headers: [] });
  }

  /** It has not been answered at once. RFC 4320 4.1: requests other than INVITE get a 100 only when their sender has slowed down anyway. */
  wait(): void {
    if (this.isOpen && !this.#isInvite) this.#deadline.set(this.#options.timers.trying, () => this.#slow());
  }

  #goOn({ state, last, interval, left }: MovingServer): void {
    this.#state = state;
    this.#last = last === undefined ? undefined : toOctets(last);
    this.#interval = interval;
    if (state !== "proceeding") this.#deadline.set(left, () => this.#end());
    else if (left > 0) this.#deadline.set(left, () => this.#slow());
    if (state === "completed" && !this.#isReliable) this.#resend.set(interval, () => this.#repeat());
  }

  moving(key: string): MovingServer {
    const { request, sender, payer, toTag } = this.#options;
    const { address, port, flow, answerFlow, fromCore, neighbour } = sender;
    const from = { address, port, flow, answerFlow, fromCore, ...(neighbour && { neighbour }) };
    return { key, request: toText(request.octets), sender: from, payer, toTag, state: this.#state, last: this.#last && toText(this.#last), interval: this.#interval, left: this.#deadline.left };
  }

  /** Another process has it: it ends without a word. */
  drop(): void {
    this.#end();
  }

  get request(): SipMessage {
    return this.#options.request;
  }

  get sender(): Sender {
    return this.#options.sender;
  }

  /** No final response was sent yet. */
  get isOpen(): boolean {
    return this.#state === "proceeding";
  }

  /** Sends a response of our own. */
  respond(spec: ResponseSpec): void {
    const { request, toTag, statelessTag, sender, keepSeconds } = this.#options;
    const isChallenge = spec.status === 401 || spec.status === 407;
    const isSuccess = spec.status >= 200 && spec.status < 300;
    const stamp = { address: sender.address, port: sender.port, keep: isSuccess ? keepSeconds : undefined };
    const octets = makeResponse(request, { spec, toTag: isChallenge ? statelessTag() : toTag, stamp });
    if (!isChallenge) return this.#send(spec.status, octets, true);
    // RFC 3261 26.3.2.4: no state is kept for a challenge; if the request comes again, it is challenged again.
    if (!this.isOpen) return;
    this.#put(octets, true);
    this.#end();
  }

  /** Sends a ready-made response; late ones are dropped (RFC 6026 7.1), but each 2xx to an INVITE passes. */
  send(status: number, octets: Uint8Array): void {
    this.#send(status, octets, false);
  }

  #send(status: number, octets: Uint8Array, own: boolean): void {
    if (this.#state === "accepted" && status >= 200 && status < 300) return this.#put(octets, true);
    if (!this.isOpen) return;
    if (status < 200) {
      this.#last = octets;
      return this.#put(octets, false);
    }
    this.#put(octets, true, own);
    if (this.#isInvite) return this.#inviteFinal(status, octets);
    if (!this.#isReliable) this.#options.onAnswered(octets);
    this.#end();
  }

  /** The request came again: its last response is repeated. */
  onRetransmission(): void {
    if (this.#state === "accepted" || this.#state === "confirmed" || this.#last === undefined) return;
    this.#put(this.#last, false);
  }

  /** The ACK of a final response other than 2xx. False: it does not belong to this transaction (RFC 6026 7.1). */
  acknowledge(): boolean {
    if (this.#state === "accepted") return false;
    if (this.#state === "completed") this.#remain("confirmed", this.#isReliable ? 0 : this.#options.timers.t4);
    return true;
  }

  /** Ends without a response: RFC 4320 4.2 has none for a request that was not answered in time. */
  abandon(): void {
    this.#end();
  }

  #inviteFinal(status: number, octets: Uint8Array): void {
    const { timers } = this.#options;
    if (status < 300) {
      this.#last = undefined;
      return this.#remain("accepted", timers.memory);
    }
    this.#last = octets;
    this.#remain("completed", timers.memory);
    if (!this.#isReliable) this.#resend.set(this.#interval, () => this.#repeat());
  }

  #repeat(): void {
    if (this.#state !== "completed" || this.#last === undefined) return;
    this.#put(this.#last, false);
    this.#interval = Math.min(this.#interval * 2, this.#options.timers.t2);
    this.#resend.set(this.#interval, () => this.#repeat());
  }

  #slow(): void {
    if (this.isOpen) this.respond({ status: 100, headers: [] });
  }

  #put(octets: Uint8Array, final: boolean, own = false): void {
    const { outlet, sender } = this.#options;
    outlet.answer(sender.answerFlow, octets, final, own);
  }

  #remain(state: ServerState, memory: number): void {
    this.#state = state;
    this.#resend.clear();
    if (memory === 0) this.#end();
    else this.#deadline.set(memory, () => this.#end());
  }

  #end(): void {
    if (this.#state === "terminated") return;
    this.#state = "terminated";
    this.#resend.clear();
    this.#deadline.clear();
    this.#options.onEnd();
  }
}
