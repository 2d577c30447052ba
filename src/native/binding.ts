/** Everything that the addon exports is declared here and in the files that this one imports, and nowhere else. */
import type { Transport } from "../config/listener.js";
import type { AddressPort, TrustedNet, UpstreamTarget } from "./address-port.js";
import type { FlowEndRow, FlowFilter, FlowRow, NewsRow, RefusalRow, SurveyRow, TapFilter, TokenRow, UpstreamRow } from "./inspect.js";
import type { Location } from "./location-handle.js";
import type { ObjectPort } from "./object-port.js";
import type { ShardConfig, ShardKey, ShardLimits, ShardListener, TlsMaterial } from "./shard-settings.js";

/** What answers retransmissions (src/transaction/completed.ts), with the key of its transaction, kept outside of the collected heap. Texts are latin1; `until` is on the caller's clock, and those that are added later are kept for longer. */
export interface KeptAnswers {
  /** Instead of an earlier one with its key. The oldest gives way. */
  add(key: string, octets: Uint8Array, flow: string, until: number): void;
  get(key: string): readonly [octets: string, flow: string] | undefined;
  /** Forgets those whose time is over. */
  sweep(now: number): void;
  /** Those that are kept for longer than until `least`, the oldest first. */
  all(least: number): readonly (readonly [key: string, octets: string, flow: string, until: number])[];
  size(): number;
}

/** Something that the rest of the process should know. `event` is a number of `Event` in layout.ts. */
export interface Alert extends AddressPort {
  readonly event: number;
  readonly number: number;
  /** The first octets received, raw and untrusted. */
  readonly sample: Uint8Array;
}

/** `head`: the well-formed request of a WebSocket handshake. `headers` of the answer: whole lines with CRLF. */
export type UpgradeHook = (head: string, address: string, port: number, listener: number) => { readonly status: number; readonly headers: string } | undefined;

export interface Shard extends ObjectPort {
  /**
   * Starts receiving. `onBatch(n)` means that n records await verdicts, or for 0, that there are events. If `decide(n)` is given, it is
   * called first and only writes verdicts: it must not throw, await or set a timer. `onBatch` is then called only if it returns how many
   * messages need more than that, or if there are events. With `isFunctionOfRecord` it is not asked about a record that it has decided on
   * since the last `forgetVerdicts`. Returns an errno on failure. After `close` every method throws.
   */
  start(onBatch: (count: number) => void, decide?: (count: number) => number, isFunctionOfRecord?: boolean): number | undefined;
  /** What `decide` says depends on has changed. */
  forgetVerdicts(): void;
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
  /** Sends some connections ahead to the process that takes over, and says whether more are left; a text: what failed. `layout`: which all images that follow have. */
  announce(channel: number, layout: number): boolean | string;
  /** Sends ahead what has changed of what is known about a slice of the flows; the slices come in turn. A text: what failed. */
  draft(channel: number): { readonly changed: number; readonly more: boolean } | string;
  /** Does what `handOver` will do, for nothing and while it works, so that code and memory are warm then. Whether `heard` will say that the other process has come so far; undefined: it is behind, try again; a text: what failed. */
  rehearse(channel: number): boolean | undefined | string;
  /** Whether it has. */
  heard(channel: number): boolean | string;
  /** Reads no more until `resume`; what JavaScript sends still goes out, until `handOver`. */
  pause(): void;
  /** Stops, waits until all shards have stopped, and sends everything; a text: what failed. In either case it reads no more until `resume`. `objects`: what JavaScript leaves to that of the other process. */
  handOver(channel: number, objects?: string): MovedFlows | string;
  /**
   * Takes over what `handOver` of another process sends; for one that has been started. Returns when it began to read, which is as soon as all shards
   * have taken over; a text: what failed, and none of them reads.
   */
  takeOver(channel: number): { readonly since: number; readonly steps: MoveSteps; readonly cpu: MoveSteps; readonly objects: string } | string;
  /** Reads on. `channel`: over which flows went to another process, -1: none. Returns how many connections are lost, because that process had begun to read. */
  resume(channel: number): number;
  /** The process before is gone: what was written for it alone is written no longer. */
  settled(): void;
  /** The keeper gets to know a shard without flows; a text: it cannot. */
  keepFlows(): string | undefined;
  /** Goes on with what a process that crashed has left, after `keeperFlows`; `fault`: why it cannot. */
  revive(): Revived;
  /**
   * Another process has it all: lets go of what moved, and serves the rest without reading from listeners. Who is in a handshake follows over the
   * channel when it is over, and the shard owns that; -1: nobody follows.
   */
  releaseFlows(channel: number): void;
  close(): void;
}

/** Connections that another process has taken over, and those that stay. */
export interface MovedFlows {
  readonly over: number;
  readonly kept: number;
  /** Milliseconds of the monotonic clock, the same for all processes. */
  readonly stoppedAt: number;
  readonly steps: MoveSteps;
  readonly cpu: MoveSteps;
}

/** What became of the connections of a process that crashed, and messages that it had received and perhaps not handled. */
export interface Revived {
  readonly kept: number;
  readonly lost: number;
  readonly messages: number;
  readonly requests: number;
  readonly fault?: string;
}

/** How that process ended, and what it has left to the next one. */
export interface Death {
  readonly pid: number;
  /** As waitpid(2) reports it; -1: unknown. */
  readonly status: number;
  readonly crashes: number;
  /** Milliseconds of the monotonic clock. */
  readonly since: number;
  readonly parts: readonly { readonly text: string; readonly descriptors: readonly number[] }[];
}

/** When each step was done, on the same clock; `cpu`: for how many milliseconds the thread had worked by then since the stop. */
export type MoveSteps = Readonly<Record<string, number>>;

/** The scanner: each reading writes numbers of layout.ts into the table and returns how many things it found, -1: malformed. See src/native/reader.ts. */
export interface Reader {
  readMessage(octets: Uint8Array, table: Int32Array): number;
  readList(text: string, table: Int32Array): number;
  readUri(text: string, table: Int32Array): number;
  readAddress(text: string, table: Int32Array): number;
  readParameters(text: string, table: Int32Array): number;
  readVia(text: string, table: Int32Array): number;
}

/** Writes the parameters of a Contact in a 200 that name its GRUUs (RFC 5627 5.1). */
export interface GruuWriter {
  /** `;pub-gruu="…";temp-gruu="…"`, the temporary one new each time; undefined: they would be too long. */
  write(aor: string, key: string, callId: string, instance: string): string | undefined;
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
  /** The newest layout of images that this version reads and writes. */
  readonly imageVersion: number;
  /** Sends ahead what the shards know jointly, over the channel of the first one: an errno, 0: it has gone. When all of them stand still only what has changed follows. */
  sendCommonsAhead(cluster: number, channel: number, isHome: boolean, layout: number): number;
  /** Two ends of a channel for descriptors between processes (unix(7), SEQPACKET), or an errno. */
  socketPair(): readonly [number, number] | number;
  /** An errno; 0: sent. The descriptors stay open here too. */
  sendDescriptors(channel: number, text: string, descriptors: readonly number[]): number;
  /** Waits for a while; a negative errno when nothing sound comes. */
  receiveDescriptors(channel: number): { readonly text: string; readonly descriptors: readonly number[] } | number;
  /** The channel to the keeper, for shards that are made from now on. */
  setKeeper(cluster: number, channel: number): void;
  /** Waits for as long as it takes until the server has crashed that this process is to follow; false: the keeper has ended. */
  keeperCalls(channel: number): boolean;
  /** How the process before ended, without parts if there was none; a negative errno: the keeper does not answer. */
  keeperDeath(channel: number): Death | number;
  /** Fetches its connections, for `Shard.revive`; an errno, 0: done. */
  keeperFlows(cluster: number): number;
  /** Begins to fetch them, so that `keeperFlows` waits for less. In between nothing else may be asked of the keeper. */
  keeperFetches(cluster: number): void;
  /** One of `parts` parts of what the next process needs; an errno, 0: sent. */
  keeperWill(channel: number, part: number, parts: number, text: string, descriptors: readonly number[]): number;
  /** This process ends as it should, so no other one is to go on. */
  keeperFarewell(channel: number): void;
  /** Nothing of what the process before left is to be held any longer; `keeperDeath` answers when that is so. */
  keeperForgets(channel: number): void;
  keeperLives(channel: number): boolean;
  /** A listening socket, or -errno. */
  listenTcp(address: string, port: number): number;
  /** Another descriptor for the same, or -errno. */
  duplicate(descriptor: number): number;
  /** From now on SIGTERM comes when the parent ends. */
  endWithParent(): void;
  /** Signals that come from now on go to that process, and no longer to JavaScript. */
  passSignals(child: number): void;
  /** Tells the parent, which stands in, to pass signals to that process from now on; it answers with SIGURG. False: it cannot be told. */
  nameHeir(process: number): boolean;
  /** Never returns: after `passSignals` this process only waits for that child and for those that replace it, and ends with the status of the last one. */
  standIn(): never;
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
  readonly Gruus: new (key: Uint8Array) => GruuWriter;
  readonly Logins: new (cluster: number) => Logins;
  readonly KeptAnswers: new (most: number, mostOctets: number) => KeptAnswers;
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
