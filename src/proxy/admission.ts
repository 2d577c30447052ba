/**
 * Who may send a request through here (RFC 3261 22.3 and 26.1): our own users when they have proved who they are, and neighbours who vouch
 * for their callers. Others may reach our users where the operator allows it, and never anybody else.
 */
import type { Authenticator } from "../auth/authenticator.js";
import { claimantOf } from "../auth/claimant.js";
import { uriOfHeader } from "../auth/identity.js";
import type { Cidr } from "../config/cidr.js";
import type { Domains } from "../sip/domains.js";
import type { SipMessage } from "../sip/message.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import { parseUri } from "../sip/uri.js";
import type { Payer, Sender } from "../transaction/hop.js";
import { Networks } from "./networks.js";

/** `proof`: it has to prove who it is. */
export type Admitted = "yes" | "proof" | "no";

export interface Asking {
  readonly isCallerOurs: boolean;
  readonly isCalleeOurs: boolean;
  /** A neighbour vouches for it. */
  readonly isVouched: boolean;
  /** Our users have to prove who they are. */
  readonly authenticates: boolean;
  readonly foreignCallers: AdmissionOptions["foreignCallers"];
}

/** The rule for every request but ACK and CANCEL, which nobody may be asked about (RFC 3261 22.1). */
export function admits({ isCallerOurs, isCalleeOurs, isVouched, authenticates, foreignCallers }: Asking): Admitted {
  // A neighbour is trusted about foreign addresses; whoever claims one of ours must prove it.
  if (!isCallerOurs && isVouched) return "yes";
  if (!authenticates) return isCallerOurs || isCalleeOurs ? "yes" : "no";
  return !isCallerOurs && isCalleeOurs && foreignCallers === "accept" ? "yes" : "proof";
}

export interface AdmissionOptions {
  /** Undefined: nobody has to prove anything. */
  readonly authenticator: Authenticator | undefined;
  readonly domains: Domains;
  readonly foreignCallers: "challenge" | "accept";
  /** They relay what strangers send. */
  readonly edges: readonly Cidr[];
  /** They vouch for what they send, whether they are edges or not. */
  readonly trusted: readonly Cidr[];
  readonly isUpstream: (address: string) => boolean;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #edges: Networks;
  readonly #trusted: Networks;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#edges = new Networks(options.edges);
    this.#trusted = new Networks(options.trusted);
  }

  /** What the rule says, before anything is proved. */
  admits(request: SipMessage, sender: Sender): Admitted {
    const { authenticator, domains, foreignCallers } = this.#options;
    const isCallerOurs = domains.serves(uriOfHeader(request.header("From")));
    const isCalleeOurs = domains.serves(parseUri(request.uri));
    return admits({ isCallerOurs, isCalleeOurs, isVouched: this.#vouches(sender), authenticates: authenticator !== undefined, foreignCallers });
  }

  /** The refusal of one that `admits` has looked at; undefined: it may go on. ACK and CANCEL are not asked about (RFC 3261 22.1). Never rejects. */
  async refusalOf(request: SipMessage, sender: Sender, admitted: Admitted): Promise<ResponseSpec | undefined> {
    const { authenticator } = this.#options;
    if (admitted === "yes") return undefined;
    if (admitted === "no" || authenticator === undefined) return { status: 403, reason: "Relaying Denied", headers: [] };
    const result = await authenticator.check(request, "proxy", claimantOf(request, sender.address, sender.fromCore));
    return result.ok ? undefined : result.response;
  }

  /** A neighbour that vouches speaks for many; an edge's clients are separate sources, as they would be without the edge. */
  payerOf(request: SipMessage, sender: Sender): Payer {
    const isExempt = this.#vouches(sender);
    return { address: isExempt ? sender.address : claimantOf(request, sender.address, sender.fromCore).address, isExempt };
  }

  #vouches({ fromCore, address, port }: Sender): boolean {
    if (!fromCore) return false;
    return !this.#edges.hold(address, port) || this.#trusted.hold(address, port) || this.#options.isUpstream(address);
  }
}
