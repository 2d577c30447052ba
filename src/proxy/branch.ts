/** One branch of a request: a client transaction towards one target, with timer C and its cancelling (RFC 3261 16.6 to 16.10). */
import type { SipMessage } from "../sip/message.js";
import { type Sent, cancelOf, octetsOf } from "../sip/request.js";
import type { ClientTransaction, Failure } from "../transaction/client.js";
import type { Hop, Payer } from "../transaction/hop.js";
import { type MovingBranch, toOctets, toText } from "../transaction/moving.js";
import type { TransactionTable, Unsent } from "../transaction/table.js";
import { Timer } from "../transaction/timers.js";

export interface BranchUser {
  /** A provisional response above 100, or a final one. */
  onResponse(branch: Branch, response: SipMessage): void;
  /** It ended without a final response; `silent`: not even a provisional one came. */
  onFailure(branch: Branch, why: Failure): void;
}

export interface BranchOptions {
  readonly table: TransactionTable;
  readonly id: string;
  readonly method: string;
  /** Who asked for it: the copy is on his share of what we hold. */
  readonly payer: Payer;
  readonly sent: Sent;
  readonly hop: Hop;
  readonly user: BranchUser;
  /** Milliseconds of timer C, and of the wait for a silent target while there is another one (0: none). */
  readonly timerC: number;
  readonly silence: number;
  /** How long a cancelled branch may take to end (CAN-11). */
  readonly cancelPatience: number;
}

export class Branch {
  readonly #options: BranchOptions;
  #transaction: ClientTransaction | undefined;
  readonly #timer = new Timer();
  readonly #isInvite: boolean;
  #wasHeard = false;
  #cancelling: readonly string[] | undefined;
  #cancelSent = false;
  #ended = false;

  constructor(options: BranchOptions) {
    this.#options = options;
    this.#isInvite = options.method === "INVITE";
  }

  /** Sends the copy. If it cannot be sent, the branch is gone and no longer calls its user. */
  start(): "sent" | Unsent {
    const { silence, timerC } = this.#options;
    const unsent = this.#begin();
    if (unsent !== undefined) return unsent;
    const first = silence > 0 ? silence : this.#isInvite ? timerC : 0;
    if (first > 0) this.#timer.set(first, () => this.#overdue());
    return "sent";
  }

  #begin(moved?: MovingBranch["client"]): Unsent | undefined {
    const { table, id, method, sent, hop, payer } = this.#options;
    const user = {
      onResponse: (response: SipMessage): void => this.#heard(response),
      onFailure: (why: Failure): void => this.#failed(why),
    };
    const transaction = table.newClientTransaction(id, method, sent, hop, user, payer, moved);
    if (typeof transaction === "string") {
      this.#ended = true;
      return transaction;
    }
    this.#transaction = transaction;
    return undefined;
  }

  /** One that the process before has sent. */
  static goOn(moved: MovingBranch, options: Omit<BranchOptions, "id" | "method" | "payer" | "sent" | "hop">): Branch {
    const { id, method, payer, hop, wasHeard, cancelling, cancelSent, left } = moved;
    const branch = new Branch({ ...options, id, method, payer, hop, sent: toOctets(moved.octets) });
    branch.#wasHeard = wasHeard;
    branch.#cancelling = cancelling;
    branch.#cancelSent = cancelSent;
    branch.#begin(moved.client);
    if (left > 0) branch.#timer.set(left, () => branch.#overdue());
    return branch;
  }

  /** Undefined: it waits for nothing. */
  moving(): MovingBranch | undefined {
    if (this.#ended || this.#transaction === undefined) return undefined;
    const { id, method, payer, sent, hop } = this.#options;
    return {
      id, method, payer, hop,
      octets: toText(octetsOf(sent)),
      client: this.#transaction.moving(),
      wasHeard: this.#wasHeard,
      cancelling: this.#cancelling,
      cancelSent: this.#cancelSent,
      left: this.#timer.left,
    };
  }

  /** Another process has it. */
  drop(): void {
    this.#ended = true;
    this.#timer.clear();
  }

  /** The target has sent a response. */
  get wasHeard(): boolean {
    return this.#wasHeard;
  }

  /** Sends a CANCEL, at once or when the target has responded (RFC 3261 9.1); other methods cannot be cancelled. */
  cancel(reasons: readonly string[]): void {
    if (this.#ended || !this.#isInvite || this.#cancelling !== undefined) return;
    this.#cancelling = reasons;
    if (this.#wasHeard) this.#sendCancel();
  }

  #heard(response: SipMessage): void {
    const { user } = this.#options;
    const { status } = response;
    if (status >= 200) {
      // An abandoned branch still passes a 2xx, which always goes upstream (RFC 3261 16.7 step 5).
      if (this.#ended && status >= 300) return;
      this.#ended = true;
      this.#timer.clear();
      return user.onResponse(this, response);
    }
    const isFirst = !this.#wasHeard;
    this.#wasHeard = true;
    if (this.#ended) return this.#sendCancel();
    if (this.#cancelling !== undefined) this.#sendCancel();
    else if (!this.#isInvite) this.#timer.clear();
    // A further 100 does not prolong the wait (RFC 3261 16.7 step 2).
    else if (isFirst || status > 100) this.#timer.set(this.#options.timerC, () => this.#overdue());
    if (status > 100 && this.#isInvite) user.onResponse(this, response);
  }

  #failed(why: Failure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.clear();
    this.#options.user.onFailure(this, why);
  }

  /** RFC 3261 16.8: a target that has responded is cancelled, for one that has not a 408 is assumed. */
  #overdue(): void {
    if (this.#wasHeard && this.#cancelling === undefined) return this.cancel([]);
    if (!this.#wasHeard && this.#isInvite) {
      // Should it wake up later, it is cancelled then; its 2xx would still be passed on.
      this.#cancelling ??= [];
    }
    if (this.#cancelSent || !this.#isInvite) this.#transaction?.abandon();
    this.#failed("timeout");
  }

  #sendCancel(): void {
    if (this.#cancelSent || this.#cancelling === undefined) return;
    const copy = this.#transaction?.copy;
    if (copy === undefined) return;
    this.#cancelSent = true;
    const { table, id, hop, cancelPatience } = this.#options;
    const nobody = { onResponse: (): void => undefined, onFailure: (): void => undefined };
    table.newClientTransaction(id, "CANCEL", cancelOf(copy, this.#cancelling), hop, nobody);
    if (!this.#ended) this.#timer.set(cancelPatience, () => this.#overdue());
  }
}
