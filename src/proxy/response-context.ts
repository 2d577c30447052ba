/**
 * The response context of a request (RFC 3261 16.7): its devices in the order of their q, those of equal q in parallel, each by one flow at
 * a time (RFC 5626 7), and what goes back to the caller.
 */
import type { Binding } from "../location/binding.js";
import { SipMessage } from "../sip/message.js";
import { withoutTopVia } from "../sip/response.js";
import type { Failure } from "../transaction/client.js";
import type { Hop } from "../transaction/hop.js";
import { type MovingBranch, toOctets, toText } from "../transaction/moving.js";
import type { ServerTransaction } from "../transaction/server.js";
import { bestResponse, challengesOf, statusForCaller } from "./best-response.js";
import type { Branch, BranchUser } from "./branch.js";
import { type Device, type Target, groupsByQ, identityOf } from "./target.js";

export interface ContextOptions {
  readonly server: ServerTransaction;
  readonly devices: readonly Device[];
  /** Max-Breadth of the request, which its branches share (RFC 5393 5.3.3). */
  readonly breadth: number;
  /** Final responses after which the next flow of the device is tried. */
  readonly failoverStatus: ReadonlySet<number>;
  /** The ways to a target, the best first. */
  readonly waysTo: (target: Target) => Promise<readonly Hop[]>;
  /** Makes the copy for one way to a target; `hasOther`: its device has a further one. Undefined: it cannot be made. */
  readonly prepare: (target: Target, hop: Hop, breadth: number, hasOther: boolean, user: BranchUser) => Branch | undefined;
  /** The flow of this binding has failed. */
  readonly onFlowFailed: (binding: Binding) => void;
  /** The flow of this binding stayed silent, or answered. */
  readonly onSilence: (binding: Binding, silent: boolean) => void;
  /** Flows that the device has registered in the meantime. */
  readonly newTargets: (device: Device) => Promise<readonly Target[]>;
  readonly onFault: (error: unknown) => void;
  readonly onEnd: () => void;
}

/** A response context on its way to the next process: its copies that wait, and what has been answered. Further ways and devices stay behind. */
export interface MovingContext {
  readonly branches: readonly MovingBranch[];
  readonly responses: readonly string[];
  readonly closed: boolean;
  readonly cancelled: boolean;
  readonly flowFailed: boolean;
  /** Undefined from a process that does not know it. */
  readonly tooLarge?: boolean;
}

interface Attempt {
  readonly device: Device;
  readonly left: Target[];
  /** Ways to the current target that are still untried (RFC 3263 4.3). */
  hops: Hop[];
  /** Keys of the bindings tried so far. */
  readonly tried: Set<string>;
  readonly breadth: number;
  target: Target | undefined;
  hop: Hop | undefined;
  branch: Branch | undefined;
  lookedAgain: boolean;
}

const ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';
const FLOW_FAILED = 430;
const TIMED_OUT = 408;
const UNAVAILABLE = 503;
const TOO_LARGE = 513;
const RETRY_AFTER: readonly [string, string] = ["Retry-After", "10"];

export class ResponseContext implements BranchUser {
  readonly #options: ContextOptions;
  readonly #groups: Device[][];
  readonly #attempts = new Set<Attempt>();
  readonly #responses: SipMessage[] = [];
  #waiting: Device[] = [];
  #free: number;
  /** No further branch is opened: cancelled, accepted or refused by a 6xx. */
  #closed = false;
  #cancelled = false;
  /** A device, or a neighbour, could not be reached. */
  #flowFailed = false;
  #neighbourFailed = false;
  /** A copy was longer than any datagram. */
  #tooLarge = false;
  /** The caller holds too much for another copy. */
  #lackedRoom = false;
  #broke = false;
  #ended = false;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.#groups = groupsByQ(options.devices);
    this.#free = options.breadth;
  }

  start(): void {
    this.#next();
  }

  /** Instead of `start`: it waits for copies that the process before has sent. Its device has no further way to try. */
  goOn({ responses, closed, cancelled, flowFailed, tooLarge = false, branches }: MovingContext, made: (moved: MovingBranch, user: BranchUser) => Branch): void {
    this.#responses.push(...responses.map((text) => new SipMessage(toOctets(text))));
    this.#closed = closed;
    this.#cancelled = cancelled;
    this.#flowFailed = flowFailed;
    this.#tooLarge = tooLarge;
    for (const moved of branches) {
      const device: Device = { name: moved.id, q: 0, targets: [] };
      this.#attempts.add({ device, left: [], hops: [], tried: new Set(), breadth: 1, target: undefined, hop: moved.hop, branch: made(moved, this), lookedAgain: true });
    }
    this.#settle();
  }

  moving(): MovingContext {
    const branches = [...this.#attempts].flatMap(({ branch }) => branch?.moving() ?? []);
    const responses = this.#responses.map(({ octets }) => toText(octets));
    return { branches, responses, closed: this.#closed, cancelled: this.#cancelled, flowFailed: this.#flowFailed, tooLarge: this.#tooLarge };
  }

  /** Another process has it: nothing more comes of it here. */
  drop(): void {
    this.#ended = this.#closed = true;
    for (const { branch } of this.#attempts) branch?.drop();
    this.#attempts.clear();
  }

  /** The caller's CANCEL (RFC 3261 16.10): its Reason goes on to every branch. */
  cancel(reasons: readonly string[]): void {
    this.#cancelled = true;
    this.#close(reasons);
    this.#settle();
  }

  onResponse(branch: Branch, response: SipMessage): void {
    const { server } = this.#options;
    const { status } = response;
    const attempt = this.#attemptOf(branch);
    this.#noteSilence(attempt, false);
    if (status < 300) {
      const octets = withoutTopVia(response);
      if (octets !== undefined) server.send(status, octets);
      if (status < 200) return;
      this.#close([ELSEWHERE], branch);
      return attempt && this.#over(attempt);
    }
    if (attempt === undefined) return;
    if (status >= 600) this.#close([]);
    this.#failedWith(attempt, status, response);
  }

  onFailure(branch: Branch, why: Failure): void {
    const attempt = this.#attemptOf(branch);
    if (attempt === undefined) return;
    if (why === "timeout" && !branch.wasHeard) this.#noteSilence(attempt, true);
    if (why === "timeout") return this.#failedWith(attempt, TIMED_OUT, undefined);
    if (why === "transport") return this.#failedWith(attempt, FLOW_FAILED, undefined);
    // The next request may well get through, so the binding stays; the next way may be a connection, which takes any length.
    if (why === "too large") this.#tooLarge = true;
    else this.#noteUnreachable(attempt);
    if (this.#closed) this.#conclude(attempt, undefined);
    else this.#moveOn(attempt);
  }

  #noteSilence(attempt: Attempt | undefined, silent: boolean): void {
    const binding = attempt?.target?.binding;
    if (binding !== undefined) this.#options.onSilence(binding, silent);
  }

  #attemptOf(branch: Branch): Attempt | undefined {
    for (const attempt of this.#attempts) if (attempt.branch === branch) return attempt;
    return undefined;
  }

  #failedWith(attempt: Attempt, status: number, response: SipMessage | undefined): void {
    const binding = attempt.target?.binding;
    // An edge said so, or our own flow ended; an unreachable edge says nothing about the flows behind it.
    const isGone = status === FLOW_FAILED && (response !== undefined || isFlow(attempt.hop));
    if (isGone && binding !== undefined) this.#options.onFlowFailed(binding);
    if (response === undefined && status === FLOW_FAILED) this.#noteUnreachable(attempt);
    // RFC 3263 4.3: a neighbour that stays silent, cannot be reached or answers 503 is skipped for the next address of its name.
    const staysWithTarget = attempt.hops.length > 0 && (response === undefined || status === UNAVAILABLE);
    if (!staysWithTarget) attempt.hops = [];
    const moves = staysWithTarget || this.#options.failoverStatus.has(status) || (response === undefined && status === FLOW_FAILED);
    if (moves && !this.#closed) return this.#moveOn(attempt, response);
    this.#conclude(attempt, response);
  }

  #noteUnreachable({ target }: Attempt): void {
    if (target?.binding === undefined) this.#neighbourFailed = true;
    else this.#flowFailed = true;
  }

  #conclude(attempt: Attempt, response: SipMessage | undefined): void {
    if (response !== undefined) this.#responses.push(response);
    this.#over(attempt);
  }

  /** A fault of ours with one copy must cost no other branch, and leave no caller waiting. */
  #moveOn(attempt: Attempt, last?: SipMessage): void {
    this.#tryNext(attempt, last).catch((error: unknown) => {
      this.#options.onFault(error);
      this.#broke = true;
      this.#conclude(attempt, last);
    });
  }

  /** The next way to the device. A copy that cannot be sent at once ends its branch in the same moment (RFC 3261 16.9). */
  async #tryNext(attempt: Attempt, last?: SipMessage): Promise<void> {
    attempt.branch = undefined;
    while (await this.#hasWay(attempt)) {
      const { target, breadth, hops, left } = attempt;
      const hop = hops.shift();
      if (this.#closed || hop === undefined || target === undefined) break;
      attempt.hop = hop;
      const hasOther = hops.length + left.length > 0;
      const branch = this.#options.prepare(target, hop, breadth, hasOther, this);
      attempt.branch = branch;
      const outcome = branch?.start();
      if (outcome === "sent") return;
      attempt.branch = undefined;
      if (outcome === "no room") {
        this.#lackedRoom = true;
        break;
      }
      this.#noteUnreachable(attempt);
    }
    this.#conclude(attempt, last);
  }

  /** The ways of the current target, or of the next one, perhaps one registered a moment ago (OB-7-21). */
  async #hasWay(attempt: Attempt): Promise<boolean> {
    while (attempt.hops.length === 0 && !this.#closed) {
      if (attempt.left.length === 0) await this.#lookAgain(attempt);
      const target = attempt.left.shift();
      if (target === undefined) return false;
      attempt.target = target;
      if (target.binding) attempt.tried.add(identityOf(target.binding));
      attempt.hops = [...(await this.#options.waysTo(target).catch(() => []))];
      if (attempt.hops.length === 0) this.#noteUnreachable(attempt);
    }
    return attempt.hops.length > 0;
  }

  async #lookAgain(attempt: Attempt): Promise<void> {
    if (attempt.lookedAgain || attempt.target?.binding === undefined) return;
    attempt.lookedAgain = true;
    const found = await this.#options.newTargets(attempt.device).catch(() => []);
    attempt.left.push(...found.filter(({ binding }) => binding !== undefined && !attempt.tried.has(identityOf(binding))));
  }

  #next(): void {
    if (this.#closed || this.#attempts.size > 0) return this.#settle();
    const group = this.#waiting.length > 0 ? this.#waiting : this.#groups.shift();
    if (group === undefined) return this.#settle();
    this.#waiting = group;
    this.#fill();
  }

  /** As many devices in parallel as Max-Breadth allows; each one that ends makes room for another (RFC 5393 5.3.3). */
  #fill(): void {
    while (this.#waiting.length > 0 && this.#free > 0 && !this.#closed) {
      const breadth = Math.max(1, Math.floor(this.#free / this.#waiting.length));
      const device = this.#waiting.shift();
      if (device === undefined) return;
      this.#free -= breadth;
      const attempt: Attempt = { device, left: [...device.targets], hops: [], tried: new Set(), breadth, target: undefined, hop: undefined, branch: undefined, lookedAgain: false };
      this.#attempts.add(attempt);
      this.#moveOn(attempt);
    }
  }

  #over(attempt: Attempt): void {
    if (!this.#attempts.delete(attempt)) return;
    this.#free += attempt.breadth;
    this.#fill();
    this.#next();
  }

  #close(reasons: readonly string[], but?: Branch): void {
    this.#closed = true;
    for (const { branch } of this.#attempts) if (branch !== but) branch?.cancel(reasons);
  }

  /** All branches have ended: the best response goes upstream. */
  #settle(): void {
    if (this.#attempts.size > 0 || this.#ended) return;
    this.#ended = true;
    this.#options.onEnd();
    const { server } = this.#options;
    if (!server.isOpen) return;
    const best = bestResponse(this.#responses);
    if (this.#cancelled && (best === undefined || best.status === TIMED_OUT || best.status === FLOW_FAILED)) return server.respond({ status: 487, headers: [] });
    const isInvite = server.request.method === "INVITE";
    if (best === undefined) return this.#withoutAnswer(isInvite);
    if (best.status === TIMED_OUT && !isInvite) return server.abandon();
    const status = statusForCaller(best.status);
    // A response without the caller's Via leads nowhere (RFC 3261 16.7 step 3), but its status still is the answer.
    const octets = status === best.status ? withoutTopVia(best, best.startLine, challengesOf(this.#responses, best)) : undefined;
    if (octets === undefined) server.respond({ status, headers: [] });
    else server.send(status, octets);
  }

  /** Nobody responded. RFC 4320 4.2: whoever sent a request other than INVITE has given up already. */
  #withoutAnswer(isInvite: boolean): void {
    const { server } = this.#options;
    if (this.#broke) server.respond({ status: 500, headers: [] });
    else if (this.#tooLarge) server.respond({ status: TOO_LARGE, headers: [] });
    else if (this.#flowFailed && !this.#lackedRoom) server.respond({ status: 480, headers: [] });
    else if (this.#neighbourFailed || this.#lackedRoom) server.respond({ status: UNAVAILABLE, headers: [RETRY_AFTER] });
    else if (isInvite) server.respond({ status: TIMED_OUT, headers: [] });
    else server.abandon();
  }
}

function isFlow(hop: Hop | undefined): boolean {
  return hop?.kind === "flow";
}
