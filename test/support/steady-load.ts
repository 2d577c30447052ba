/** Phones that register again and write to each other at a fixed rate, over UDP and TCP, while something else is under test; each answer is checked. */
import { setTimeout as sleep } from "node:timers/promises";
import { SipMessage } from "./sip-message.js";
import { type Sender, complete, newBranch, responseTo } from "./sip-text.js";
import { TcpConnection } from "./tcp-connection.js";
import { UdpSocket } from "./udp-socket.js";
import type { Incoming, Transport, Wire } from "./wire.js";

const DOMAIN = "example.com";
const TICK_MS = 10;
/** A machine that stood still must not make a flood of what was due meanwhile. */
const MOST_A_TICK = 20;
/** RFC 3261 17.1.2.2: timer E, which doubles up to T2, and timer F. */
const T1_MS = 500;
const T2_MS = 4_000;
const TIMER_F_MS = 64 * T1_MS;

type Method = "REGISTER" | "MESSAGE";

interface Target {
  readonly host: string;
  readonly port: number;
}

interface Pending {
  readonly phone: LoadPhone;
  readonly text: string;
  readonly method: Method;
  readonly callId: string;
  /** The phone that has to answer; undefined: the registrar. */
  readonly callee: LoadPhone | undefined;
  /** In milliseconds, like `pause` and when the next copy is due. */
  readonly sent: number;
  /** Between two copies. */
  pause: number;
  next: number;
}

/** What a load has seen. */
export interface LoadFigures {
  /** Requests that whoever had to answer them answered with 200, such as "MESSAGE tcp". */
  readonly answered: Readonly<Record<string, number>>;
  /** Datagrams sent again. */
  readonly repeated: number;
  readonly slowestMs: number;
  /** What went wrong, in words: other answers, second answers, none at all, messages that came twice, connections that were closed. */
  readonly faults: readonly string[];
}

/** One user with one socket, which stays the same. */
class LoadPhone implements Sender {
  readonly name: string;
  readonly scene = "steady-load";
  readonly wire: Wire;
  registers = 0;
  /** Until then it must not register again (RFC 3261 10.2). */
  isRegistering = false;
  /** Whom it writes to. */
  neighbour: LoadPhone | undefined;

  private constructor(name: string, wire: Wire) {
    this.name = name;
    this.wire = wire;
  }

  static async open(name: string, target: Target, transport: "udp" | "tcp", receive: (phone: LoadPhone, incoming: Incoming) => void): Promise<LoadPhone> {
    const hear = (incoming: Incoming): void => receive(phone, incoming);
    const wire = await (transport === "udp" ? UdpSocket.open(target, hear) : TcpConnection.open(target, hear));
    const phone = new LoadPhone(name, wire);
    return phone;
  }

  get at(): string {
    return this.wire.at;
  }

  get transport(): Transport {
    return this.wire.transport;
  }

  get uri(): string {
    return `sip:${this.name}@${DOMAIN}`;
  }
}

export class SteadyLoad {
  readonly #phones: LoadPhone[] = [];
  /** By branch. */
  readonly #pending = new Map<string, Pending>();
  readonly #done = new Map<string, number>();
  /** By branch: may there be another answer? */
  readonly #over = new Map<string, boolean>();
  /** The Call-IDs of the messages that have come. */
  readonly #come = new Set<string>();
  readonly #faults: string[] = [];
  #repeated = 0;
  #slowest = 0;
  #asked = 0;
  #turn = 0;
  /** 0: only what has been sent is looked after. */
  #begin = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor() {}

  /**
   * Registers `phones` phones, every other one over UDP. From then on `rate` requests a second come from them in turn, as many REGISTERs as
   * MESSAGEs; a MESSAGE is for the next phone, which has the other transport.
   */
  static async start(target: Target, { phones, rate }: { readonly phones: number; readonly rate: number }): Promise<SteadyLoad> {
    const load = new SteadyLoad();
    for (let at = 0; at < phones; at += 1) {
      load.#phones.push(await LoadPhone.open(`load${at}`, target, at % 2 === 0 ? "udp" : "tcp", (phone, incoming) => load.#receive(phone, incoming)));
    }
    for (const [at, phone] of load.#phones.entries()) {
      phone.neighbour = load.#phones.at((at + 1) % phones);
      load.#ask(phone, "REGISTER");
    }
    load.#timer = setInterval(() => load.#tick(rate), TICK_MS);
    await load.#settle();
    load.#begin = performance.now();
    return load;
  }

  /** Sends no more requests and waits for the last answers. */
  async finish(): Promise<LoadFigures> {
    this.#begin = 0;
    await this.#settle();
    const closed = this.#phones.filter(({ wire }) => !wire.isOpen).map(({ name }) => `${name}: its connection has been closed`);
    return { answered: Object.fromEntries(this.#done), repeated: this.#repeated, slowestMs: this.#slowest, faults: [...this.#faults, ...closed] };
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const { wire } of this.#phones) await wire.close();
  }

  /** Each request is answered or given up in the time of timer F. */
  async #settle(): Promise<void> {
    while (this.#pending.size > 0) await sleep(TICK_MS);
  }

  #tick(rate: number): void {
    const now = performance.now();
    for (const [branch, one] of this.#pending) this.#lookAfter(branch, one, now);
    if (this.#begin === 0) return;
    const due = Math.floor(((now - this.#begin) * rate) / 1_000) - this.#asked;
    for (let left = Math.min(due, MOST_A_TICK); left > 0; left -= 2) {
      const phone = this.#phones.at(this.#turn++ % this.#phones.length);
      if (phone === undefined || phone.isRegistering) continue;
      for (const method of ["REGISTER", "MESSAGE"] as const) this.#ask(phone, method);
      this.#asked += 2;
    }
  }

  #lookAfter(branch: string, one: Pending, now: number): void {
    if (now - one.sent > TIMER_F_MS) {
      this.#end(branch, one);
      this.#faults.push(`${one.phone.name}: no answer to ${one.method} over ${one.phone.transport}`);
    } else if (one.phone.transport === "udp" && now >= one.next) {
      one.pause = Math.min(2 * one.pause, T2_MS);
      one.next = now + one.pause;
      this.#repeated += 1;
      void one.phone.wire.send(one.text);
    }
  }

  /** A request that took longer than T1 was repeated by the phone or, for a connection, by the edge, and a registrar without transactions answers each copy. */
  #end(branch: string, { phone, method, sent }: Pending): void {
    this.#pending.delete(branch);
    this.#over.set(branch, performance.now() - sent > T1_MS);
    if (method === "REGISTER") phone.isRegistering = false;
  }

  #ask(phone: LoadPhone, method: Method): void {
    const branch = newBranch();
    const callee = method === "MESSAGE" ? phone.neighbour : undefined;
    if (callee === undefined) {
      phone.registers += 1;
      phone.isRegistering = true;
    }
    const callId = callee === undefined ? `${phone.name}@${phone.scene}` : branch;
    const lines = [
      `${method} ${callee?.uri ?? `sip:${DOMAIN}`} SIP/2.0`,
      `Via: SIP/2.0/${phone.transport.toUpperCase()} ${phone.at};branch=${branch};rport`,
      `To: <${callee?.uri ?? phone.uri}>`,
      `Call-ID: ${callId}`,
      `CSeq: ${callee === undefined ? phone.registers : 1} ${method}`,
      ...(callee === undefined ? [`Contact: <sip:${phone.name}@${phone.at};transport=${phone.transport}>;expires=3600`] : []),
    ];
    const text = complete(`${lines.join("\n")}\n\n`, phone);
    const sent = performance.now();
    this.#pending.set(branch, { phone, text, method, callId, callee, sent, pause: T1_MS, next: sent + T1_MS });
    void phone.wire.send(text);
  }

  #receive(phone: LoadPhone, incoming: Incoming): void {
    const message = new SipMessage(incoming.text);
    if (message.isResponse) this.#answered(phone, message);
    else if (message.method === "MESSAGE") {
      // Only over UDP may a request come twice, when its answer is lost.
      const callId = message.header("Call-ID");
      if (this.#come.has(callId) && phone.transport !== "udp") this.#faults.push(`${phone.name}: MESSAGE came twice over ${phone.transport}`);
      this.#come.add(callId);
      void incoming.answer(responseTo(message, "200 OK", phone.name));
    }
  }

  #answered(phone: LoadPhone, message: SipMessage): void {
    if (message.status < 200) return;
    const branch = /;branch=([^;,\s]+)/.exec(message.header("Via"))?.[1] ?? "";
    const one = this.#pending.get(branch);
    if (one === undefined) {
      if (this.#over.get(branch) !== true) this.#faults.push(`${phone.name}: an answer too many:\n${message.text}`);
      return;
    }
    this.#end(branch, one);
    this.#slowest = Math.max(this.#slowest, performance.now() - one.sent);
    const isRight = message.status === 200 && (one.callee === undefined || (message.header("To").endsWith(`;tag=${one.callee.name}`) && this.#come.has(one.callId)));
    if (!isRight || one.phone !== phone) this.#faults.push(`${phone.name}: ${one.method} was answered:\n${message.text}`);
    const key = `${one.method} ${phone.transport}`;
    if (isRight) this.#done.set(key, (this.#done.get(key) ?? 0) + 1);
  }
}
