/** Everything that the addon exports is declared here and nowhere else. */
import type { ProxyRule, Transport } from "../config/listener.js";
import type { LoginState } from "./layout.js";
import type { AddressPort, TrustedNet, UpstreamChoice, UpstreamTarget } from "./address-port.js";
import type { BindingNews, FlowEndRow, FlowFilter, FlowRow, NewsRow, RefusalRow, SurveyRow, TapFilter, TokenRow, UpstreamRow } from "./inspect.js";

/** A listener as a shard opens it. */
export interface ShardListener {
  /** What clients speak. */
  readonly transport: Transport;
  /** False: TLS is taken off before us. */
  readonly endsTls: boolean;
  /** Literal address without brackets. */
  readonly address: string;
  readonly port: number;
  /** Each shard has a port of its own: the first one and its number. */
  readonly apart: boolean;
  /** "HOST:PORT" that Via, Path and Record-Route show. */
  readonly sentBy: string;
  readonly facing: "client" | "core" | "both";
  readonly proxy: ProxyRule | "never";
}

export interface ShardKey {
  /** 0-63. */
  readonly id: number;
  /** At least 20 octets. */
  readonly key: Uint8Array;
}

export interface ShardLimits {
  /** Maximum octets of a message body. */
  readonly maxMessage: number;
  /** For the whole process. */
  readonly maxFlows: number;
  readonly maxFlowsPerSource: number;
  readonly maxPending: number;
  /** What the object path may hold, for the whole process. */
  readonly maxRequests: number;
  readonly maxRequestsPerSource: number;
  readonly maxRequestOctets: number;
  readonly maxRequestOctetsPerSource: number;
  /** Maximum of unsent octets for one client. */
  readonly queueMax: number;
  readonly handshakeSeconds: number;
  readonly firstMessageSeconds: number;
  readonly messageSeconds: number;
  readonly idleSeconds: number;
}

/** The part of our identity that a reload may change. */
export interface ShardNames {
  readonly names: readonly string[];
  /** Realms whose credentials are for us alone; none on an edge. */
  readonly realms: readonly string[];
  /** Empty: any. */
  readonly wsOrigins: readonly string[];
  readonly wsPaths: readonly string[];
}

export interface ShardConfig extends ShardNames {
  /** From createCluster. */
  readonly cluster: number;
  /** Of the farm, below 128. */
  readonly node: number;
  readonly shard: number;
  readonly shards: number;
  /** Random at each start of the process, 16 bits; names the life of a stream flow's token. */
  readonly boot: number;
  /** 16 octets each. */
  readonly tableKey: Uint8Array;
  readonly branchKey: Uint8Array;
  readonly keys: readonly ShardKey[];
  readonly listeners: readonly ShardListener[];
  readonly aliases: readonly AddressPort[];
  readonly trusted: readonly TrustedNet[];
  /** Load balancers whose PROXY headers are trusted. */
  readonly proxies: readonly TrustedNet[];
  /** 0: never. */
  readonly wsPingSeconds: number;
  readonly limits: ShardLimits;
  /** Registrar or standalone: there is an object path. */
  readonly home: boolean;
  /** Answer a UDP client at its source port even if its Via has no rport. */
  readonly forceRport: boolean;
  readonly t1Ms: number;
  readonly branchSeconds: number;
  readonly flowTimer: number;
  readonly flowGrace: number;
  readonly probeSeconds: number;
  readonly udpTokenSeconds: number;
  /** Whether AORs of flows and how flows ended are remembered, for the admin plane. */
  readonly notes: boolean;
}

/** Something that the rest of the process should know. `event` is a number of `Event` in layout.ts. */
export interface Alert extends AddressPort {
  readonly event: number;
  readonly number: number;
  /** The first octets received, raw and untrusted. */
  readonly sample: Uint8Array;
}

/** Certificates and rules of TLS, as PEM. */
export interface TlsMaterial {
  /** The first one serves clients whose SNI fits none. Empty: no listener is secure. */
  readonly pairs: readonly { readonly certificate: string; readonly key: string }[];
  /** The authorities to trust. */
  readonly authorities: string;
  readonly clientCertificate: "off" | "optional" | "require";
  /** The records of accepted connections are sealed and opened by native/tls once the handshake is complete. */
  readonly ownRecords: boolean;
  /** 80 octets, the same for all shards. */
  readonly ticketKey: Uint8Array;
}

/** `head`: the well-formed request of a WebSocket handshake. `headers` of the answer: whole lines with CRLF. */
export type UpgradeHook = (head: string, address: string, port: number, listener: number) => { readonly status: number; readonly headers: string } | undefined;

/** Where a message of the object path came from. */
export interface Origin extends AddressPort {
  readonly listener: number;
  /** Id of the flow that it came over (native/core/relay/flow_id.h). */
  readonly flow: string;
  /** The flow by which an answer goes back: over UDP without rport it leads to the port in Via (RFC 3581 4). */
  readonly answerFlow: string;
  /** The source is trusted: an edge or another proxy. */
  readonly fromCore: boolean;
  /** Of a request: the loop hash for `newBranch` (RFC 5393 4.2). */
  readonly loop: number;
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
  origin(item: number): Origin;
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
  setRegisterClock(offset: number): void;
  /** What the store says of a batch; undefined: it did not answer. The responses leave at once. */
  answerRegisters(batch: number, outcomes: Uint8Array | undefined): void;
  setRegisters(settings: RegisterSettings): void;
  /** Requests proxied by numbers find their bindings in that store. `rows`: Const.requestFields numbers per message of a batch. */
  serveRequests(location: Location, rows: Int32Array): void;
  setRequests(settings: RequestSettings): void;
  /** How REGISTERs log in: 0 is MD5, 1 is SHA-256, in the order in which they are offered. */
  offerLogins(nonceLifeMs: number, algorithms: readonly number[]): void;
  /** What the credentials of request `item` of the batch prove; if it is `proven`, they are used up. */
  checkLogin(item: number): LoginState;
  /** Whose credentials they claim to be; undefined: they are for src/auth to read. */
  loginOf(item: number): ClaimedLogin | undefined;
  /** For `checkLogin`. */
  learnHa1(user: string, realm: string, algorithm: number, ha1: Uint8Array): void;
  forgetHa1s(): void;
  flush(): void;
  takeEvents(): readonly FlowEvent[] | undefined;
}

/** Names are octets as latin1 characters; `algorithm` 0 is MD5, 1 is SHA-256. */
export interface ClaimedLogin {
  readonly user: string;
  readonly realm: string;
  readonly algorithm: number;
}

export interface Shard extends ObjectPort {
  /**
   * Starts receiving. `onBatch(n)` means that n records await verdicts, or for 0, that there are events. If `decide(n)` is given, it is
   * called first and only writes verdicts: it must not throw, await or set a timer. `onBatch` is then called only if it returns how many
   * messages need more than that, or if there are events. Returns an errno on failure. After `close` every method throws.
   */
  start(onBatch: (count: number) => void, decide?: (count: number) => number): number | undefined;
  /** Carries out the verdicts and returns the size of the next batch; 0: nothing is left, or the turn has lasted long enough. */
  next(): number;
  /** Carries the verdicts out and leaves the rest to the next turn. */
  finish(): void;
  /** A copy of message `item` of the batch. */
  message(item: number): Uint8Array;
  source(item: number): AddressPort & { readonly listener: number };
  /** The words of a reply; its verdict must be Action.reply. `headers`: whole lines with CRLF. */
  customReply(item: number, status: number, reason: string, headers: string): void;
  setUpstreams(targets: readonly UpstreamTarget[]): void;
  setTrusted(nets: readonly TrustedNet[]): void;
  setKeys(keys: readonly ShardKey[]): void;
  /** What `setTls` of the process put in force last, for the connections from now on. */
  useTls(): void;
  /** Is asked about every well-formed WebSocket handshake and must not throw. */
  setUpgradeHook(hook: UpgradeHook): void;
  /** Takes the alerts since the last call. */
  alerts(): readonly Alert[];
  stopAccepting(): void;
  startAccepting(): void;
  /** Requests that are remembered now. */
  pending(): number;
  /** Looks at `steps` slots from `cursor` on (0: from the start) for at most `most` flows; the cursor that comes back is 0 at the end. */
  flows(filter: FlowFilter, cursor: number, steps: number, most: number): { readonly cursor: number; /** How many matched, with those that are only counted. */ readonly count: number; readonly flows: readonly FlowRow[] };
  survey(): SurveyRow;
  /** At most `most` of the flows that ended, newest first, skipping `from` of them. */
  ends(from: number, most: number): readonly FlowEndRow[];
  /** Who was refused, with what status and how often. */
  refusals(): readonly RefusalRow[];
  /** What happened since the last call. */
  news(): readonly NewsRow[];
  /** Starts or stops counting what each flow receives (FlowRow.recent). */
  sample(begins: boolean): void;
  token(user: string): TokenRow;
  upstreams(): readonly UpstreamRow[];
  setLimits(limits: ShardLimits, flowTimer: number): void;
  /** Host names that are us, realms whose credentials end here, and the rules of WebSocket handshakes. */
  setNames(names: readonly string[], realms: readonly string[], wsOrigins: readonly string[], wsPaths: readonly string[]): void;
  /** Networks from which nothing is read any more; their flows end. */
  setBans(nets: readonly TrustedNet[]): void;
  /** An empty list ends the tap. */
  setTap(filters: readonly TapFilter[]): void;
  /** The copies since the last call, credentials scrubbed; src/observe/tapped.ts reads them. */
  tapped(): Uint8Array | undefined;
  /** False: there is no such flow. */
  closeFlow(slot: number, generation: number): boolean;
  /** Closes up to `most` connections of clients and returns how many are left. */
  moveOut(most: number, busyOnes: boolean): number;
  /** Sends some connections ahead to the process that takes over, and says whether more are left; a text: what failed. */
  announce(channel: number): boolean | string;
  /** Does what `handOver` will do, for nothing and while it works, so that code and memory are warm then. */
  rehearse(): void;
  /** Reads no more until `resume`; what JavaScript sends still goes out, until `handOver`. */
  pause(): void;
  /** Stops, waits until all shards have stopped, and sends everything; a text: what failed. In either case it reads no more until `resume`. `objects`: what JavaScript leaves to that of the other process. */
  handOver(channel: number, objects?: string): MovedFlows | string;
  /**
   * Takes over what `handOver` of another process sends; for one that has been started. Returns when it began to read, which is as soon as all shards
   * have taken over; a text: what failed, and none of them reads.
   */
  takeOver(channel: number): { readonly since: number; readonly objects: string } | string;
  resume(): void;
  /** Another process has it all: lets go of what moved, and serves the rest without reading from listeners. */
  releaseFlows(): void;
  close(): void;
}

/** Connections that another process has taken over, and those that stay. */
export interface MovedFlows {
  readonly over: number;
  readonly kept: number;
  /** Milliseconds of the monotonic clock, the same for all processes. */
  readonly stoppedAt: number;
}

/** The scanner: each reading writes numbers of layout.ts into the table and returns how many things it found, -1: malformed. See src/native/reader.ts. */
export interface Reader {
  readMessage(octets: Uint8Array, table: Int32Array): number;
  readList(text: string, table: Int32Array): number;
  readUri(text: string, table: Int32Array): number;
  readAddress(text: string, table: Int32Array): number;
  readParameters(text: string, table: Int32Array): number;
  readVia(text: string, table: Int32Array): number;
}

/** What logins leave behind, the same for every shard (native/core/home). Text is octets as latin1 characters, addresses are literal. */
export interface Logins {
  makeNonce(realm: string, address: string): string;
  /** Whether it was made for that realm and that client's network: by this process at most `lifeMs` ago, or by a node with the same key a moment ago. */
  isFresh(nonce: string, realm: string, address: string, lifeMs: number): boolean;
  /** Takes a count of a fresh nonce for that user; false: it was taken before. */
  useNonce(nonce: string, user: string, count: number): boolean;
  /** False: too many wrong passwords came from there, or for that user, for another try. */
  mayTry(address: string, user: string): boolean;
  failed(address: string, user: string): void;
  proved(address: string, user: string): void;
  /** Nonces remembered, and nonces that gave way to newer ones. */
  counts(): { readonly held: number; readonly evicted: number };
}

/** How the embedded location store does. */
export interface LocationCounts {
  readonly bindings: number;
  readonly addresses: number;
  /** In memory. */
  readonly octets: number;
  /** Octets of the journal since the last snapshot. */
  readonly journalOctets: number;
  /** Times that the disk refused the journal. */
  readonly failures: number;
  readonly snapshots: number;
  /** Nanoseconds that a snapshot held a lock at most. */
  readonly longestLock: number;
  /** While the journal cannot be written, else 0. */
  readonly errno: number;
  /** Of the last snapshot. */
  readonly snapshotErrno: number;
}

/**
 * The embedded location store (native/core/home/binding_store.h), the same one for all who open its folder in this process. `numbers` is
 * what src/location/native-row.ts makes of it. After `close` every method throws.
 */
export interface Location {
  /** Whether nothing in this process had the folder open. */
  readonly isFirst: boolean;
  /** What the first one returned. */
  readonly clockOffset: number;
  /** Returns the texts of what lives after it. */
  save(text: string, numbers: Float64Array): string;
  /** Lower ones remove nothing. */
  setBounds(maxBindings: number, maxOctets: number): void;
  lookup(aor: string, now: number, numbers: Float64Array): string;
  remove(aor: string, key: string, seen: number): boolean;
  /** How many of about `most` went; the first of the numbers says whether there are more. */
  removeFlow(flow: string, most: number, numbers: Float64Array): number;
  /** Tells the cluster who registered over connections of an earlier run of the process, and removes bindings that only they kept alive. */
  learnPastFlows(cluster: number): Promise<void>;
  expire(now: number, numbers: Float64Array): number;
  /** What happens to bindings is counted from now on, and kept for `news` only if `lists`. */
  wantNews(lists: boolean): void;
  /** Writes the next part of what happened to bindings into `room`, as lines with ids that begin with `run` and count from `number`, at `now`; also as `rows` if wanted. */
  news(run: string, number: number, now: number, wantsRows: boolean, room: Buffer): BindingNews;
  /** Writes what was changed; an errno: it may be lost. */
  flush(): number;
  /** Synchronises what was flushed; an errno. */
  sync(): Promise<number>;
  /** The addresses of record of one stripe of the table, with when the first and the last binding of each expire; undefined: there is no such stripe. */
  addresses(stripe: number): { readonly aors: readonly string[]; readonly expiries: Float64Array } | undefined;
  counts(): LocationCounts;
  /** Files that were not read to their end. */
  damaged(): readonly { readonly name: string; readonly at: number; readonly lost: number }[];
  /** Another process will take over: no file is deleted from now on. An errno while the journal cannot be written. */
  hold(): number;
  /** The descriptor that locks the folder. */
  lock(): number;
  /** No other process has taken over, or it has died: reads what it wrote, and goes on. Empty, or one line that says what is lost. */
  goOn(): string;
  /** The process before is gone. */
  settle(): void;
  close(): void;
}

export interface Binding extends Reader {
  /**
   * Makes what a group of shards shares, rings, listening sockets (`listeners` are those of shard 0) and what each source holds; its id, or what cannot be opened. `seed`: 96 random
   * octets. `sockets`: of each shard, open already.
   */
  createCluster(shards: number, ringOctets: number, listeners: readonly ShardListener[], seed: Uint8Array, sockets?: readonly (readonly number[])[]): number | { readonly errno: number; readonly shard: number; readonly listener: number };
  /** Closes its listening sockets and forgets the rest; its shards have ended. */
  closeCluster(cluster: number): void;
  /** The listening sockets of each shard. */
  clusterSockets(cluster: number): readonly (readonly number[])[];
  /** Reads what the shards know jointly, so that the kernel need not find its pages when all of them stand still. */
  warmCluster(cluster: number): void;
  /** Two ends of a channel for descriptors between processes (unix(7), SEQPACKET), or an errno. */
  socketPair(): readonly [number, number] | number;
  /** An errno; 0: sent. The descriptors stay open here too. */
  sendDescriptors(channel: number, text: string, descriptors: readonly number[]): number;
  /** Waits for a while; a negative errno when nothing sound comes. */
  receiveDescriptors(channel: number): { readonly text: string; readonly descriptors: readonly number[] } | number;
  /** A listening socket, or -errno. */
  listenTcp(address: string, port: number): number;
  /** Another descriptor for the same, or -errno. */
  duplicate(descriptor: number): number;
  /** From now on SIGTERM comes when the parent ends. */
  endWithParent(): void;
  /** Never returns: this process only waits for that child and for those that replace it, passes signals on, and ends with the status of the last one. */
  standIn(child: number): never;
  /** Connections are refused from now on, by all shards. */
  stopAccepting(cluster: number): void;
  /** And accepted again; each shard has to be told as well. */
  startAccepting(cluster: number): void;
  /** Reads certificates and authorities for all shards, which take them by `useTls`; the reason when they are no good, and nothing changes. */
  setTls(cluster: number, material: TlsMaterial): string | undefined;
  /** The keys of the nonces of digest authentication, which nodes may share; the first one signs. */
  setNonceKeys(cluster: number, keys: readonly Uint8Array[]): void;
  /** Who registered over a connection of an earlier run; `owner` is what `routeOwner` returns for it. False: the flow is none of an earlier run. */
  learnPastFlow(cluster: number, boot: number, flow: string, owner: string): boolean;
  /** Who registered over which flow, remembered beyond its end; `forgotten` counts those dropped because the table was full. */
  flowOwners(cluster: number): { readonly known: number; readonly octets: number; readonly forgotten: number };
  /** `clockOffset`: from the monotonic clock to that of the store. Throws one line; the `code` is EBUSY while another process has the folder. */
  readonly Location: new (folder: string, maxBindings: number, maxOctets: number, clockOffset: number, now: number, lock?: number) => Location;
  readonly Logins: new (cluster: number) => Logins;
  /** The port (the kernel's choice for 0), or -errno. */
  checkListener(transport: Transport, address: string, port: number): number;
  /** One line of sd_notify(3); false without a service manager. */
  sdNotify(state: string): boolean;
  /** How many of the octets were written; never waits for room in a pipe, a socket or on a disk. */
  writeNow(descriptor: number, octets: Uint8Array): number;
  /** Exits without waiting for threads, unlike process.exit(). */
  exitNow(code: number): never;
  /** Replaces the process by another program (execve), for scripts/lib/run.mjs; an errno if that fails. `endsWithParent`: it gets SIGTERM when its parent ends. */
  become(program: string, args: readonly string[], environment: readonly string[], endsWithParent: boolean): number;
  readonly Shard: new (config: ShardConfig, records: Int32Array, verdicts: Int32Array, counters: BigInt64Array) => Shard;
}
