/** Traces of one phone or call for a limited time, the capture, and the log at debug and trace. If none of them is on, no message is copied. */
import { splitHostPort, showHostPort } from "../config/host-port.js";
import type { ShardListener } from "../native/shard-settings.js";
import { listenerOf } from "../native/listener-of.js";
import type { TapFilter } from "../native/inspect.js";
import { ipText, readTapped, type Tapped } from "../observe/tapped.js";
import type { MessageLog } from "../observe/message-log.js";
import type { ShardPool } from "../shard/pool.js";
import { ControlRefusal } from "./control-refusal.js";

export interface TracedMessage {
  /** Milliseconds since 1970, with fractions. */
  readonly at: number;
  readonly sent: boolean;
  readonly transport: string;
  readonly local: string;
  readonly peer: string;
  /** With credentials made unreadable. */
  readonly text: string;
}

export interface TraceView {
  readonly id: string;
  readonly what: string;
  readonly secondsLeft: number;
  readonly messages: number;
}

export type TraceListener = (trace: string, messages: readonly TracedMessage[]) => void;

interface Trace {
  readonly id: string;
  readonly what: string;
  readonly slot: number;
  until: number;
  readonly messages: TracedMessage[];
  timer: NodeJS.Timeout;
  ended: boolean;
}

// As many as the tap of a shard has. One belongs to the capture, one to the log.
const SLOTS = 32;
const CAPTURE_SLOT = 0;
const LOG_SLOT = 1;
const FIRST_SLOT = 2;
const MAX_TRACES = SLOTS - FIRST_SLOT;
const MAX_MESSAGES = 1_000;
/** How long an ended trace stays readable. */
const KEPT_MS = 300_000;
const NOTHING: TapFilter = { kind: "call-id", text: "" };

export class Tracer {
  readonly #pool: () => ShardPool;
  readonly #listeners: readonly ShardListener[];
  readonly #messageLog: MessageLog;
  readonly #capture: ((tapped: Tapped) => void) | undefined;
  readonly #filters: TapFilter[] = Array<TapFilter>(SLOTS).fill(NOTHING);
  readonly #traces = new Map<string, Trace>();
  readonly #watchers = new Set<TraceListener>();
  #lastId = 0;

  /** `sample`: one in so many dialogs is captured. */
  constructor(pool: () => ShardPool, listeners: readonly ShardListener[], messageLog: MessageLog, sample: number, capture?: (tapped: Tapped) => void) {
    this.#pool = pool;
    this.#listeners = listeners;
    this.#messageLog = messageLog;
    this.#capture = capture;
    if (capture) this.#filters[CAPTURE_SLOT] = { kind: "all", sample };
  }

  /** Call it once the shards run. */
  begin(): void {
    this.#followLevel();
    this.#messageLog.onLevel(() => this.#followLevel());
    if (this.#capture) this.#apply();
  }

  get active(): readonly TraceView[] {
    return [...this.#traces.values()].filter(({ ended }) => !ended).map((trace) => this.#view(trace));
  }

  /** `what`: an AOR, a Call-ID after "call-id:", or an address with or without a port. One that runs goes on, for everyone who watches it. */
  start(what: string, seconds: number): TraceView {
    const filter = traceFilter(what);
    const until = performance.now() + seconds * 1_000;
    const same = [...this.#traces.values()].find((trace) => !trace.ended && trace.what === what);
    if (same) return this.#view(this.#prolong(same, until));
    const slot = this.#freeSlot();
    this.#lastId += 1;
    const id = String(this.#lastId);
    this.#filters[slot] = filter;
    const trace: Trace = { id, what, slot, until, messages: [], timer: this.#stopAt(id, until), ended: false };
    this.#traces.set(id, trace);
    this.#apply();
    return this.#view(trace);
  }

  stop(id: string): void {
    const trace = this.#traces.get(id);
    if (trace === undefined) throw new ControlRefusal(404, `there is no trace ${id}`);
    if (trace.ended) return;
    trace.ended = true;
    clearTimeout(trace.timer);
    this.#filters[trace.slot] = NOTHING;
    this.#apply();
    setTimeout(() => this.#traces.delete(id), KEPT_MS).unref();
  }

  messages(id: string): readonly TracedMessage[] {
    const trace = this.#traces.get(id);
    if (trace === undefined) throw new ControlRefusal(404, `there is no trace ${id}`);
    return trace.messages;
  }

  watch(listener: TraceListener): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  take(octets: Uint8Array, shard: number): void {
    const fresh = new Map<Trace, TracedMessage[]>();
    for (const tapped of readTapped(octets, shard)) {
      if ((tapped.filters & (1 << CAPTURE_SLOT)) !== 0) this.#capture?.(tapped);
      if ((tapped.filters & (1 << LOG_SLOT)) !== 0) this.#messageLog.write(this.#traced(tapped));
      for (const trace of this.#traces.values()) {
        if (trace.ended || (tapped.filters & (1 << trace.slot)) === 0) continue;
        const messages = fresh.get(trace) ?? [];
        messages.push(this.#traced(tapped));
        fresh.set(trace, messages);
      }
    }
    for (const [trace, messages] of fresh) {
      trace.messages.push(...messages);
      trace.messages.sort((one, other) => one.at - other.at);
      trace.messages.splice(0, Math.max(0, trace.messages.length - MAX_MESSAGES));
      for (const watcher of this.#watchers) watcher(trace.id, messages);
    }
  }

  close(): void {
    for (const { timer } of this.#traces.values()) clearTimeout(timer);
  }

  #prolong(trace: Trace, until: number): Trace {
    if (until > trace.until) {
      clearTimeout(trace.timer);
      trace.until = until;
      trace.timer = this.#stopAt(trace.id, until);
    }
    return trace;
  }

  #stopAt(id: string, until: number): NodeJS.Timeout {
    return setTimeout(() => this.stop(id), until - performance.now()).unref();
  }

  #traced({ timeUs, sent, shard, listener, ip, port, octets }: Tapped): TracedMessage {
    const first = this.#listeners[listener];
    const place = first && listenerOf(first, shard);
    return {
      at: Number(timeUs) / 1_000,
      sent,
      transport: place?.transport ?? "",
      local: place?.sentBy ?? "",
      peer: port === 0 ? "" : showHostPort(ipText(ip), port),
      text: octets.toString("latin1"),
    };
  }

  #freeSlot(): number {
    const used = new Set([...this.#traces.values()].filter(({ ended }) => !ended).map(({ slot }) => slot));
    if (used.size >= MAX_TRACES) throw new ControlRefusal(409, `${MAX_TRACES} traces run already`);
    // Slots are used in turn: copies for the last owner of one may still be on their way.
    for (let tries = 0; ; tries += 1) {
      const slot = FIRST_SLOT + ((this.#lastId + tries) % MAX_TRACES);
      if (!used.has(slot)) return slot;
    }
  }

  #followLevel(): void {
    const filter = this.#messageLog.filter ?? NOTHING;
    if (this.#filters[LOG_SLOT]?.kind === filter.kind) return;
    this.#filters[LOG_SLOT] = filter;
    this.#apply();
  }

  #apply(): void {
    const isUsed = this.#filters.some((filter) => filter !== NOTHING);
    this.#pool().orders.setTap(isUsed ? this.#filters : []);
  }

  #view({ id, what, until, messages }: Trace): TraceView {
    return { id, what, secondsLeft: Math.max(0, Math.ceil((until - performance.now()) / 1_000)), messages: messages.length };
  }
}

export function traceFilter(what: string): TapFilter {
  const callId = /^(?:call-id|i):(.+)$/i.exec(what)?.[1]?.trim();
  if (callId) return { kind: "call-id", text: callId };
  const place = splitHostPort(what.includes(":") && !what.startsWith("[") && what.split(":").length > 2 ? `[${what}]` : what);
  if (place?.host.family !== undefined) return { kind: "address", address: place.host.name, port: place.port ?? 0 };
  const aor = /^(?:<?sips?:)?([^@\s<>;]+@[^@\s<>;:]+)/i.exec(what)?.[1];
  if (aor) return { kind: "aor", text: aor };
  throw new ControlRefusal(400, "a trace needs an AOR (user@host), call-id:CALL-ID, or an address");
}
