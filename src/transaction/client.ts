/** Client transactions (RFC 3261 17.1, RFC 6026 7.2): a sent request, until no response can follow. */
import type { SipMessage } from "../sip/message.js";
import { type Sent, type SentCopy, ackOf, copyOf, octetsOf } from "../sip/request.js";
import type { Hop, Outlet } from "./hop.js";
import type { ClientState, MovingClient } from "./moving.js";
import { Timer, type TimerTable } from "./timers.js";

/**
 * `timeout`: timer B or F; `transport`: it could not be sent, or the flow ended (RFC 3261 17.1.4). The others speak of this request alone, not of its
 * flow: it is longer than any datagram, or the kernel did not let it out.
 */
export type Failure = "timeout" | "transport" | "too large" | "held back";

export interface ClientUser {
  /** Every response that is new: provisional ones, the final one, and each further 2xx to an INVITE. */
  onResponse(response: SipMessage): void;
  /** No final response will come. */
  onFailure(why: Failure): void;
}

export interface ClientOptions {
  readonly method: string;
  readonly sent: Sent;
  readonly hop: Hop;
  readonly outlet: Outlet;
  readonly timers: TimerTable;
  readonly user: ClientUser;
  /** Called with the ACK of a refusal over UDP: it may have to be repeated after the transaction has ended (timer D). */
  readonly onRefused: (ack: Uint8Array) => void;
  readonly onEnd: () => void;
}

export class ClientTransaction {
  readonly #options: Omit<ClientOptions, "sent" | "user">;
  /** What it was made of and whom it tells; undefined: it has told him for the last time. */
  #sent: { readonly sent: Sent; readonly user: ClientUser } | undefined;
  readonly #isInvite: boolean;
  readonly #isReliable: boolean;
  readonly #resend = new Timer();
  readonly #deadline = new Timer();
  #state: ClientState = "calling";
  #interval: number;
  #flow: string | undefined;

  constructor({ sent, user, ...options }: ClientOptions) {
    this.#options = options;
    this.#sent = { sent, user };
    this.#isInvite = options.method === "INVITE";
    this.#isReliable = options.outlet.isReliable(options.hop);
    this.#interval = options.timers.t1;
  }

  /** Undefined: it has been refused. */
  get copy(): SentCopy | undefined {
    return this.#sent && copyOf(this.#sent.sent);
  }

  get hop(): Hop {
    return this.#options.hop;
  }

  /** A final response may still come. */
  get isPending(): boolean {
    return this.#state === "calling" || this.#state === "proceeding";
  }

  /** The id of the flow that the request left by; undefined: it could not be sent. */
  get flow(): string | undefined {
    return this.#flow;
  }

  /** Sends the request. False: it cannot be sent, and the transaction has ended without a word to its user (RFC 3261 17.1.4). */
  start(): boolean {
    const { outlet, hop, timers } = this.#options;
    this.#flow = this.#sent && outlet.send(hop, octetsOf(this.#sent.sent));
    if (this.#flow === undefined) {
      this.#end();
      return false;
    }
    this.#deadline.set(timers.patience, () => this.fail("timeout"));
    if (!this.#isReliable) this.#resend.set(this.#interval, () => this.#retransmit());
    return true;
  }

  /** Instead of `start`: it was sent by the process before. */
  goOn({ state, flow, interval, left }: MovingClient): void {
    this.#state = state;
    this.#flow = flow;
    this.#interval = interval;
    if (left > 0) this.#deadline.set(left, () => this.fail("timeout"));
    if (!this.#isReliable && (state === "calling" || !this.#isInvite)) this.#resend.set(interval, () => this.#retransmit());
  }

  moving(): MovingClient {
    return { state: this.#state, flow: this.#flow, interval: this.#interval, left: this.#deadline.left };
  }

  /** Handles a response that matches by branch and method. */
  receive(response: SipMessage): void {
    const { status } = response;
    if (status < 200) this.#provisional(response);
    else if (this.#isInvite) this.#inviteFinal(response);
    else if (this.isPending) {
      // Timer K would only absorb what matches nothing without it, either.
      this.#end();
      this.#leave()?.onResponse(response);
    }
  }

  fail(why: Failure): void {
    if (!this.isPending) return;
    this.#end();
    this.#leave()?.onFailure(why);
  }

  /** Stops waiting; later responses match nothing. */
  abandon(): void {
    this.#end();
  }

  #provisional(response: SipMessage): void {
    if (!this.isPending) return;
    if (this.#state === "calling") {
      this.#state = "proceeding";
      if (this.#isInvite) {
        // RFC 3261 17.1.1.2: it has responded; from here on the proxy's timer C applies.
        this.#resend.clear();
        this.#deadline.clear();
      } else if (!this.#isReliable) {
        this.#interval = this.#options.timers.t2;
        this.#resend.set(this.#interval, () => this.#retransmit());
      }
    }
    this.#sent?.user.onResponse(response);
  }

  /** Whom to tell for the last time. */
  #leave(): ClientUser | undefined {
    const user = this.#sent?.user;
    this.#sent = undefined;
    return user;
  }

  #inviteFinal(response: SipMessage): void {
    const { timers, outlet, hop, onRefused } = this.#options;
    if (response.status < 300) {
      // RFC 6026 7.2: each 2xx goes to the user, whose ACK is not part of this transaction.
      if (this.isPending) this.#remain("accepted", timers.memory);
      if (this.#state === "accepted") this.#sent?.user.onResponse(response);
    } else if (this.isPending) {
      const { copy } = this;
      const ack = copy && ackOf(copy, response);
      if (ack !== undefined) outlet.send(hop, ack);
      if (ack !== undefined && !this.#isReliable) onRefused(ack);
      this.#end();
      this.#leave()?.onResponse(response);
    }
  }

  #retransmit(): void {
    const { outlet, hop, timers } = this.#options;
    if (this.#sent === undefined || outlet.send(hop, octetsOf(this.#sent.sent)) === undefined) return this.fail("transport");
    this.#interval = this.#isInvite ? this.#interval * 2 : Math.min(this.#interval * 2, timers.t2);
    if (this.#state === "proceeding") this.#interval = timers.t2;
    this.#resend.set(this.#interval, () => this.#retransmit());
  }

  #remain(state: ClientState, memory: number): void {
    this.#state = state;
    this.#resend.clear();
    this.#deadline.set(memory, () => this.#end());
  }

  #end(): void {
    if (this.#state === "terminated") return;
    this.#state = "terminated";
    this.#resend.clear();
    this.#deadline.clear();
    this.#options.onEnd();
  }
}
