/** Makes and sends the copies of a request (RFC 3261 16.6): our Via, the Path as Route, and the Record-Route for clients of ours. */
import type { Neighbour, ObjectPort } from "../native/object-port.js";
import type { ShardListener } from "../native/shard-settings.js";
import type { ResolvedNames } from "../resolve/resolved-names.js";
import type { HeaderField, SipMessage } from "../sip/message.js";
import { type SentCopy, forwardRequest } from "../sip/request.js";
import { isSips } from "../sip/uri.js";
import type { Hop, Outlet, Payer, Sender } from "../transaction/hop.js";
import type { MovingBranch } from "../transaction/moving.js";
import type { TransactionTable } from "../transaction/table.js";
import { Branch, type BranchUser } from "./branch.js";
import { listenerOfFlow, recordRouteOf, viaOf } from "./listeners.js";
import { asSips, inSchemeOf, isSecureHop } from "./sips.js";
import { type Target, ownerOf } from "./target.js";
import { waysTo } from "./ways.js";

export interface ForwarderOptions {
  readonly table: TransactionTable;
  readonly port: ObjectPort;
  readonly outlet: Outlet;
  readonly listeners: readonly ShardListener[];
  readonly names: ResolvedNames;
  /** Milliseconds. */
  readonly timerC: number;
  /** How long a target may stay silent while its device has another flow, in milliseconds. */
  readonly silence: number;
  readonly cancelPatience: number;
  /** Header fields meant for us alone. */
  readonly endsHere: (field: HeaderField) => boolean;
}

/** A request with what the shard knows about it. */
export interface Incoming {
  readonly request: SipMessage;
  readonly sender: Sender;
  readonly payer: Payer;
  /** RFC 5393 4.2. */
  readonly loop: number;
  /** Leading Route values that are ours. */
  readonly ownRoutes: number;
  /** Its caller was asked who he is before it came here. */
  readonly isAdmitted: boolean;
  /** Numbers may go on with it: `request` has the octets that came, and has not come here because they are not enough. */
  readonly isCarriable: boolean;
  /** It follows the token of a flow that is gone; `owner` is the device that registered over it, as `ownerOf` names it. */
  readonly deadFlow?: { readonly owner: string | undefined };
}

/** Methods that create a dialog; an unknown one may (RFC 3261 16.6 step 4). */
const NO_DIALOG = new Set(["OPTIONS", "MESSAGE", "PUBLISH", "REGISTER", "INFO", "UPDATE", "PRACK", "BYE", "CANCEL", "ACK"]);

/** RFC 3261 18.1.1, where the path MTU is not known; and what a request grows by on its way through us. */
const LARGEST_OVER_UDP = 1_300;
const GROWTH = 300;

export class Forwarder {
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** The ways of a request to a target, the best first; empty: there is none. */
  async waysTo({ request }: Incoming, target: Target): Promise<readonly Hop[]> {
    const ways = await waysTo(target, this.#options.names);
    if (request.octets.length + GROWTH <= LARGEST_OVER_UDP) return ways;
    return ways.flatMap((hop): readonly Hop[] => {
      const stream = this.#overStream(target, hop);
      return stream === undefined ? [hop] : [stream, hop];
    });
  }

  /**
   * RFC 3261 18.1.1: what is too large for UDP goes by TCP to a neighbour that speaks it. A phone's Contact and an edge's Path say what
   * they mean: Kamailio record-routes once instead of twice where both sides are TCP, and the ACK is lost.
   */
  #overStream({ binding }: Target, hop: Hop): Hop | undefined {
    if (hop.kind !== "address" || hop.transport !== "udp" || binding !== undefined) return undefined;
    return this.#options.port.takesStream(hop.address, hop.port) ? { ...hop, transport: "tcp" } : undefined;
  }

  /** A copy ready to be sent that way; undefined: it cannot be made. */
  prepare(incoming: Incoming, target: Target, place: Hop, breadth: number, hasOther: boolean, user: BranchUser): Branch | undefined {
    const hop = this.#connect(target, place);
    if (hop === undefined) return undefined;
    const { table, timerC, silence, cancelPatience } = this.#options;
    const copy = this.#copy(incoming, target, hop, breadth);
    return copy && new Branch({ table, ...copy, method: incoming.request.method, payer: incoming.payer, hop, user, timerC, silence: hasOther ? silence : 0, cancelPatience });
  }

  /** A copy that the process before has sent. */
  goOn(moved: MovingBranch, user: BranchUser): Branch {
    const { table, timerC, cancelPatience } = this.#options;
    return Branch.goOn(moved, { table, user, timerC, silence: 0, cancelPatience });
  }

  /** Passes on an ACK for a 2xx, or another request without a transaction (RFC 3261 16.11), by the first way that takes it. */
  async pass(incoming: Incoming, target: Target): Promise<void> {
    for (const place of await this.waysTo(incoming, target)) {
      const hop = this.#connect(target, place);
      const copy = hop && this.#copy(incoming, target, hop, 1);
      if (hop !== undefined && copy !== undefined && this.#options.outlet.send(hop, copy.sent.octets) !== undefined) return;
    }
  }

  /** To the Contact of a phone leads a connection like one that it opened itself, trusted no more than that. Undefined: it cannot be had. */
  #connect({ binding, routes }: Target, hop: Hop): Hop | undefined {
    const { port } = this.#options;
    if (hop.kind === "flow" || hop.transport === "udp" || binding === undefined || routes.length > 0) return hop;
    if (port.isNeighbour(hop.transport, hop.address, hop.port)) return hop;
    const flow = port.dialPhone(hop.transport, hop.address, hop.port, hop.host, ownerOf(binding));
    return flow === undefined ? undefined : { kind: "flow", flow };
  }

  #copy({ request, sender, loop, ownRoutes }: Incoming, target: Target, hop: Hop, breadth: number): { readonly id: string; readonly sent: SentCopy } | undefined {
    const listener = this.#listenerOf(hop);
    if (listener === undefined || (isSips(request.uri) && !isSecureHop(hop, () => listener.transport))) return undefined;
    const id = this.#options.port.newBranch(loop);
    const sent = forwardRequest(request, {
      uri: inSchemeOf(request.uri, target.uri),
      via: viaOf(listener, hop.kind === "flow" ? listener.transport : hop.transport, id),
      recordRoutes: this.#recordRoutes(request, sender, hop),
      routes: [...target.routes, ...request.values("Route").slice(ownRoutes)],
      maxBreadth: breadth,
      stamp: { address: sender.address, port: sender.port },
      fromTrusted: sender.fromCore,
      endsHere: this.#options.endsHere,
    });
    return { id, sent };
  }

  #listenerOf(hop: Hop): ShardListener | undefined {
    const { port, listeners } = this.#options;
    if (hop.kind === "flow") return listenerOfFlow(listeners, hop.flow);
    return listeners[port.coreListener(hop.transport, !hop.address.includes(":"))];
  }

  /**
   * Each end that is connected here directly gets the two URIs of its flow, so that everything later in the dialog is relayed by
   * its tokens and never reaches this path again (RFC 5626 5.3, RFC 5658). Each side reads the URI of its own side first.
   */
  #recordRoutes(request: SipMessage, sender: Sender, hop: Hop): readonly string[] {
    if (NO_DIALOG.has(request.method)) return [];
    const callee = hop.kind === "flow" ? this.#pair(hop.flow, false, sender.neighbour) : [];
    const caller = sender.fromCore ? [] : this.#pair(sender.flow, true, hop.kind === "address" ? hop : undefined);
    const values = [...callee, ...caller];
    return isSips(request.uri) ? values.map(asSips) : values;
  }

  /** `neighbour`: the other end, if that is not a client of ours. */
  #pair(flow: string, coreFirst: boolean, neighbour: Neighbour | undefined): readonly string[] {
    const { port, listeners } = this.#options;
    const listener = listenerOfFlow(listeners, flow);
    if (listener === undefined) return [];
    return [coreFirst, !coreFirst].flatMap((core) => {
      const token = port.flowToken(flow, core);
      if (token === undefined) return [];
      return [recordRouteOf(listener, token, core && neighbour ? port.neighbourMark(token, neighbour.transport, neighbour.address, neighbour.port) : undefined)];
    });
  }
}
