/** The object path's side of a shard: where its messages come from and leave by, and the settings of what is decided by numbers instead. */
import type { Transport } from "../config/listener.js";
import type { AddressPort, TrustedNet, UpstreamChoice } from "./address-port.js";
import type { LoginState } from "./layout.js";
import type { Location } from "./location-handle.js";

/** Where a message of the object path came from. */
export interface Origin extends AddressPort {
  readonly listener: number;
  /** Id of the flow that it came over (native/core/relay/flow_id.h). */
  readonly flow: string;
  /** The flow by which an answer goes back: over UDP without rport it leads to the port in Via (RFC 3581 4). */
  readonly answerFlow: string;
  /** The source is trusted: an edge or another proxy. */
  readonly fromCore: boolean;
  /** Of a trusted sender: where it wants to be reached (native/core/relay/neighbour.h). */
  readonly neighbour?: Neighbour;
}

export interface Neighbour extends AddressPort {
  readonly transport: Transport;
}

/** `kind` is a number of `ObjectEvent` in layout.ts, `text` a flow id or a branch. */
export interface FlowEvent {
  readonly kind: number;
  readonly text: string;
}

/** How other nodes reach flows of this one. */
export interface SharedNode {
  /** As in `LocationStore.node`. */
  readonly node: string;
  /** Of a Path, around the token of a flow; empty: they cannot. */
  readonly routeHead: string;
  readonly routeTail: string;
}

/** Settings for REGISTERs decided by numbers. */
export interface RegisterSettings {
  /** In lower case, without brackets; with its form in addresses of record, empty if it has no users. */
  readonly domains: readonly (readonly [name: string, host: string])[];
  /** Whether anyone may register. */
  readonly isOpen: boolean;
  readonly maxContacts: number;
  readonly maxFlows: number;
  /** The response to `keep` (RFC 6223). */
  readonly keepSeconds: number;
  /** Option tags. */
  readonly supported: string;
}

/** Settings for requests that are proxied by numbers. */
export interface RequestSettings {
  /** As in `RegisterSettings`. */
  readonly domains: RegisterSettings["domains"];
  /** They relay what strangers send. */
  readonly edges: readonly TrustedNet[];
  /** They vouch for what they send, whether they are edges or not. */
  readonly trusted: readonly TrustedNet[];
  /** Final responses after which the next flow of the device is tried. */
  readonly failoverStatus: readonly number[];
  readonly timerCMs: number;
  /** How long a way may stay silent while there is another one. */
  readonly silenceMs: number;
  readonly keepSeconds: number;
}

/** What the object path needs of its shard. Messages leave with the batch, or outside of one with `flush`. */
export interface ObjectPort {
  /**
   * Where message `item` of the batch came from, as lines: address, port, listener, 1 for the core, flow, the flow of its answer if that is another, and of a neighbour transport, address and
   * port. Its octets are copied to `room` from `at` on if there is enough of it. `numbers`: its size, and the loop hash of a request (RFC 5393 4.2).
   */
  arrival(item: number, numbers: Int32Array, room: Uint8Array, at: number): string;
  newBranch(loop: number): string;
  /** The user part of a Record-Route URI that leads to this flow; undefined: there is no such flow. */
  flowToken(flow: string, coreSide: boolean): string | undefined;
  /** Of a core-side Record-Route URI with this token: the parameter `nb` that lets the client's requests in the dialog go on to that neighbour. */
  neighbourMark(token: string, transport: Transport, address: string, port: number): string;
  flowLives(flow: string): boolean;
  /** False: the flow is gone. One that turns out to be gone later is an event. */
  sendToFlow(flow: string, octets: Uint8Array): boolean;
  /** Sends a response back over the flow that its request came by. `own`: it was made here; nobody sent it to us. */
  answerFlow(flow: string, octets: Uint8Array, final: boolean, own: boolean): void;
  /**
   * The id of the flow that it leaves by; undefined: it cannot be sent. A connection that cannot be made is an event.
   * `host`: the name that a neighbour's certificate must have, if the transport is secure.
   */
  sendToAddress(transport: Transport, address: string, port: number, host: string, octets: Uint8Array): string | undefined;
  /** That source has repeated something that only it could know from us: from now on its responses are not limited. */
  heardUs(address: string): void;
  /** That source has used up its share of bindings: counted, and an alert. */
  refusedBinding(address: string): void;
  /** Octets of the longest response that may go back over the flow now: over UDP little, until its source has shown that it hears us. */
  answerRoom(flow: string): number;
  /** Whether the neighbour at that UDP address takes what is too large for UDP over TCP: a connection is open, or is being dialled. */
  takesStream(address: string, port: number): boolean;
  /** The id of the flow to a phone's Contact, dialled if there is none. The other end is a client. `owner`: what `routeOwner` returns for it. */
  dialPhone(transport: Transport, address: string, port: number, host: string, owner: string): string | undefined;
  /** Whether that address is an upstream's or trusted: what leaves for it leaves for the core. */
  isNeighbour(transport: Transport, address: string, port: number): boolean;
  /**
   * The live upstreams in the order in which a call should try them (RFC 3263 4.3); the shard itself watches how the tries go.
   * Undefined: no upstream is configured.
   */
  chooseUpstreams(callId: string): readonly UpstreamChoice[] | undefined;
  /** Index of the listener whose name goes into messages to a neighbour. */
  coreListener(transport: Transport, v4: boolean): number;
  /** From now on the end of this flow is an event. `superviseSeconds`: its Flow-Timer, 0: none. `owner`: what `routeOwner` returns for it, empty: nothing. */
  bindFlow(flow: string, superviseSeconds: number, owner: string): void;
  /** Who registered over the flow that own Route value `index` of a message of the batch names, on whichever shard, even if the flow is gone. */
  routeOwner(item: number, index: number): string | undefined;
  /** A way to a device stayed silent, or responded. All shards share this. */
  noteSilence(way: string, silent: boolean): void;
  /** Whether it stayed silent a moment ago. */
  wasSilent(way: string): boolean;
  /** A REGISTER over that flow was accepted for so many seconds: the admin plane shows its AOR from now on. */
  noteRegister(flow: string, request: Uint8Array, seconds: number): void;
  /**
   * Room for `requests` of that source, 0 for a copy of one that is counted already (Const.roomOpening and so on); 0: there is none.
   * `exempt`: it has no share of its own.
   */
  reserve(address: string, requests: number, octets: number, room: number, exempt: boolean): number;
  release(place: number): void;
  /** REGISTERs decided by numbers will change that store. `rows`: Const.registerFields numbers per message of a batch; `gruuKey`: 32 octets. */
  serveRegisters(location: Location, rows: Int32Array, gruuKey: Uint8Array): void;
  /**
   * The same with a store that nodes share. Of each batch `save` gets what the script of redis-scripts.ts reads, and four lines for each REGISTER:
   * its address of record, its flow, the client whose share it counts against, and the expiry of its binding; the first but the last may be empty.
   */
  shareRegisters(rows: Int32Array, gruuKey: Uint8Array, node: SharedNode, save: (batch: number, operations: Uint8Array, names: string) => void): void;
  /** Milliseconds from the monotonic clock to that of the store. */
  setStoreClock(offset: number): void;
  /** What the store says of a batch; undefined: it did not answer. The responses leave at once. */
  answerRegisters(batch: number, outcomes: Uint8Array | undefined): void;
  setRegisters(settings: RegisterSettings): void;
  /** Requests proxied by numbers find their bindings in that store. `rows`: Const.requestFields numbers per message of a batch. */
  serveRequests(location: Location, rows: Int32Array): void;
  /**
   * The same with a store that nodes share: `find` is called with what a batch asks of it, lines in latin1, and the answer goes to `answerRequests`. `node`: which of the
   * nodes this is. `aors`: a line each. `removals`: three lines each, address of record, key and update time of a binding that led nowhere; they come first.
   */
  shareRequests(rows: Int32Array, node: string, find: (batch: number, aors: string, removals: string) => void): void;
  /** What the store says of the addresses of a batch; undefined: it did not answer. What follows from it leaves at once. */
  answerRequests(batch: number, outcomes: Uint8Array | undefined): void;
  /**
   * Has C++ proxy a request, which has been admitted here, to the user with that address of record, or to an upstream if it is empty. `instance`: the one of his devices that a GRUU names; empty: all.
   * `life`: octets as latin1 characters that a temporary GRUU names besides (`Destination`); empty: it is none. `octets`: as received, without a Route beyond ours. `wasAnswered`: an INVITE, with 100.
   * `payer`: whose share it takes, unless it `isExempt`. False: that takes objects, or there is no room; nothing has happened.
   */
  takeRequest(octets: Uint8Array, flow: string, answerFlow: string, fromCore: boolean, wasAnswered: boolean, loop: number, payer: string, isExempt: boolean, aor: string, instance: string, life: string): boolean;
  setRequests(settings: RequestSettings): void;
  /** How REGISTERs log in: 0 is MD5, 1 is SHA-256, in the order in which they are offered. */
  offerLogins(nonceLifeMs: number, algorithms: readonly number[]): void;
  /** What the credentials of request `item` of the batch prove; if it is `proven`, they are used up. */
  checkLogin(item: number): LoginState;
  /** Whose credentials they claim to be; undefined: they are for src/auth to read. */
  loginOf(item: number): ClaimedLogin | undefined;
  /**
   * For `checkLogin`: three lines for each HA1, which are user, realm (octets as latin1 characters) and HA1 in hexadecimal digits; without digits, what is known of that user is forgotten.
   * `seconds`: how long they may be used; 0: until they are forgotten.
   */
  learnHa1s(lines: string, seconds: number): void;
  /** Forgets them, and makes room for so many; false: some of them will replace others. Then `wipeHa1s` is due. */
  startHa1s(count: number): boolean;
  /** Wipes a part of what was forgotten from memory; false: nothing is left. */
  wipeHa1s(): boolean;
  flush(): void;
  takeEvents(): readonly FlowEvent[] | undefined;
}

/** Names are octets as latin1 characters; `algorithm` 0 is MD5, 1 is SHA-256. */
export interface ClaimedLogin {
  readonly user: string;
  readonly realm: string;
  readonly algorithm: number;
}
