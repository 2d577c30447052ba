/**
 * The response context of a request (RFC 3261 16.7): its devices in the order of their q, those of one q at once, each by one flow at
 * a time (RFC 5626 7), and what goes back to the caller.
 */
import type { Binding } from "../location/binding.js";
import type { SipMessage } from "../sip/message.js";
import { withoutTopVia } from "../sip/response.js";
import type { Failure } from "../transaction/client.js";
import type { Hop } from "../transaction/hop.js";
import type { ServerTransaction } from "../transaction/server.js";
import { bestResponse, challengesOf, statusForCaller } from "./best-response.js";
import type { Branch, BranchUser } from "./branch.js";
import { type Device, type Target, groupsByQ, identityOf } from "./target.js";

export interface ContextOptions {
  readonly server: ServerTransaction;
  readonly devices: readonly Device[];
  /** Max-Breadth of the request: what its branches share (RFC 5393 5.3.3). */
  readonly breadth: number;
  /** Final answers behind which the next flow of the device is tried. */
  readonly failoverStatus: ReadonlySet<number>;
  /** Makes and sends the copy for one target; `hasOther`: its device has a further flow. Undefined: there is no way to it. */
  readonly open: (target: Target, breadth: number, hasOther: boolean, user: BranchUser) => Promise<Branch | undefined>;
  /** The flow of this binding has failed. */
  readonly onFlowFailed: (binding: Binding) => void;
  /** Flows that the device has registered since. */
  readonly newTargets: (device: Device) => Promise<readonly Target[]>;
  readonly onEnd: () => void;
}

interface Attempt {
  readonly device: Device;
  readonly left: Target[];
  /** Keys of the bindings that were tried. */
  readonly tried: Set<string>;
  readonly breadth: number;
  target: Target | undefined;
  branch: Branch | undefined;
  lookedAgain: boolean;
}

const ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"';
const FLOW_FAILED = 430;
const TIMED_OUT = 408;

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
  #reasons: readonly string[] = [];
  #flowFailed = false;
  #ended = false;

  constructor(options: ContextOptions) {
    this.#options = options;
    this.#groups = groupsByQ(options.devices);
    this.#free = options.breadth;
  }

  start(): void {
    this.#next();
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
    if (attempt) this.#failedWith(attempt, why === "transport" ? FLOW_FAILED : TIMED_OUT, undefined);
  }

  #attemptOf(branch: Branch): Attempt | undefined {
    for (const attempt of this.#attempts) if (attempt.branch === branch) return attempt;
    return undefined;
  }

  #failedWith(attempt: Attempt, status: number, response: SipMessage | undefined): void {
    const binding = attempt.target?.binding;
    // An edge's word, or our own flow's end; an edge that cannot be reached says nothing of the flows behind it.
    const isGone = status === FLOW_FAILED && (response !== undefined || isFlow(attempt.target?.hop));
    if (isGone && binding !== undefined) this.#options.onFlowFailed(binding);
    const moves = this.#options.failoverStatus.has(status) || (response === undefined && status === FLOW_FAILED);
    if (moves && !this.#closed) {
      if (status === FLOW_FAILED) this.#flowFailed = true;
      return void this.#tryNext(attempt, response);
    }
    this.#conclude(attempt, status, response);
  }

  #conclude(attempt: Attempt, status: number, response: SipMessage | undefined): void {
    if (response !== undefined) this.#responses.push(response);
    else if (status === FLOW_FAILED) this.#flowFailed = true;
    this.#over(attempt);
  }

  /** The next flow of the device, perhaps one that was registered a moment ago (OB-7-21). */
  async #tryNext(attempt: Attempt, last?: SipMessage): Promise<void> {
    attempt.branch = undefined;
    let target = attempt.left.shift();
    if (target === undefined && !attempt.lookedAgain && attempt.target?.binding !== undefined) {
      attempt.lookedAgain = true;
      const found = await this.#options.newTargets(attempt.device).catch(() => []);
      attempt.left.push(...found.filter(({ binding }) => binding !== undefined && !attempt.tried.has(identityOf(binding))));
      target = attempt.left.shift();
    }
    if (target === undefined || this.#closed) return this.#conclude(attempt, 0, last);
    attempt.target = target;
    if (target.binding) attempt.tried.add(identityOf(target.binding));
    const branch = await this.#options.open(target, attempt.breadth, attempt.left.length > 0, this).catch(() => undefined);
    if (branch === undefined) return this.#failedWith(attempt, FLOW_FAILED, undefined);
    attempt.branch = branch;
    if (this.#closed) branch.cancel(this.#reasons);
  }

  #next(): void {
    if (this.#closed || this.#attempts.size > 0) return this.#settle();
    const group = this.#waiting.length > 0 ? this.#waiting : this.#groups.shift();
    if (group === undefined) return this.#settle();
    this.#waiting = group;
    this.#fill();
  }

  /** As many devices at once as Max-Breadth allows; the rest follows when one of them has ended (RFC 5393 5.3.3). */
  #fill(): void {
    while (this.#waiting.length > 0 && this.#free > 0 && !this.#closed) {
      const breadth = Math.max(1, Math.floor(this.#free / this.#waiting.length));
      const device = this.#waiting.shift();
      if (device === undefined) return;
      this.#free -= breadth;
      const attempt: Attempt = { device, left: [...device.targets], tried: new Set(), breadth, target: undefined, branch: undefined, lookedAgain: false };
      this.#attempts.add(attempt);
      void this.#tryNext(attempt);
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
    this.#reasons = reasons;
    for (const { branch } of this.#attempts) if (branch !== but) branch?.cancel(reasons);
  }

  /** All branches have ended: the best response goes up. */
  #settle(): void {
    if (this.#attempts.size > 0 || this.#ended) return;
    this.#ended = true;
    this.#options.onEnd();
    const { server } = this.#options;
    if (!server.isOpen) return;
    const best = bestResponse(this.#responses);
    if (this.#cancelled && (best === undefined || best.status === TIMED_OUT || best.status === FLOW_FAILED)) return server.respond({ status: 487, headers: [] });
    const isInvite = server.request.method === "INVITE";
    // RFC 4320 4.2: whoever waited for a request other than INVITE has given up by himself.
    if (best === undefined) return this.#flowFailed ? server.respond({ status: 480, headers: [] }) : isInvite ? server.respond({ status: 408, headers: [] }) : server.abandon();
    if (best.status === TIMED_OUT && !isInvite) return server.abandon();
    const status = statusForCaller(best.status);
    // One without the Via of whoever asked leads nowhere (RFC 3261 16.7 step 3), but what it says is still the answer.
    const octets = status === best.status ? withoutTopVia(best, best.startLine, challengesOf(this.#responses, best)) : undefined;
    if (octets === undefined) server.respond({ status, headers: [] });
    else server.send(status, octets);
  }
}

function isFlow(hop: Hop | undefined): boolean {
  return hop?.kind === "flow";
}
