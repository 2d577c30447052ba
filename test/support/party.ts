/** Someone in a test: U and U2 are clients, C is the core, A a caller on the core side. It talks to the edge and reads what arrives. */
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { Incoming, Transport, Wire } from "./wire.js";
import { Mailbox, PATIENCE } from "./mailbox.js";
import { type Sender, complete, exactly, responseTo } from "./sip-text.js";
import { PONG } from "./stream-framer.js";
import { SipMessage } from "./sip-message.js";

/** Everyone in a test. */
export interface Company extends Set<Party> {
  /** The target of an OPTIONS that waits for everything a request can wait for; unset: the server itself, which answers on its fast path. */
  barrier?: string;
}

export interface Received extends Incoming {
  readonly message: SipMessage;
}

export class Party implements Sender {
  readonly #inbox = new Mailbox<Received>();
  readonly #settled = new Mailbox<Received>();
  #wire: Wire | undefined;
  #last: Received | undefined;
  /** The addresses of record that it has tried to register. */
  readonly registered = new Set<string>();
  /** What was sent last, octet by octet. */
  sent = "";
  readonly name: string;
  /** host:port of the edge, as this party sees it. */
  readonly edge: string;
  #scene: string;
  /** The requests of this scene, and of those before it: their copies may still come in this one, when T1 is over. */
  readonly #seen = new Set<string>();
  readonly #past = new Set<string>();
  /** With 200, unlike an upstream that hangs. */
  answersProbes = true;
  readonly #company: Company;

  constructor(name: string, edge: string, scene: string, company: Company) {
    this.name = name;
    this.edge = edge;
    this.#scene = scene;
    this.#company = company;
    company.add(this);
  }

  /** The callback that a wire needs before it exists. */
  readonly receive = (incoming: Incoming): void => {
    const received: Received = { ...incoming, message: new SipMessage(incoming.text) };
    const { message } = received;
    const callId = message.header("Call-ID");
    if (message.isResponse && callId.startsWith("settle-")) this.#settled.put(received);
    else if (isProbe(message)) {
      if (this.answersProbes) void received.answer(responseTo(message, "200 OK", this.name));
    } else if (!isOfAnotherScene(callId, this.scene)) this.#hear(received);
  };

  #hear(received: Received): void {
    if (this.#past.has(received.text)) return;
    // All pongs are alike, and none comes twice.
    if (!received.message.isResponse && received.text !== PONG) this.#seen.add(received.text);
    this.#inbox.put(received);
  }

  get scene(): string {
    return this.#scene;
  }

  /** What comes again from the scene before is not heard in the new one. */
  set scene(scene: string) {
    this.#scene = scene;
    for (const text of this.#seen) this.#past.add(text);
    this.#seen.clear();
  }

  attach(wire: Wire): this {
    this.#wire = wire;
    return this;
  }

  get wire(): Wire {
    if (!this.#wire) throw new Error(`${this.name} has no socket`);
    return this.#wire;
  }

  get transport(): Transport {
    return this.wire.transport;
  }

  get at(): string {
    return this.wire.at;
  }

  /** The last message that `next` returned. */
  get last(): Received {
    if (!this.#last) throw new Error(`${this.name} has received nothing yet`);
    return this.#last;
  }

  /** Completes and sends a message: `INVITE sip:bob@example.com SIP/2.0` alone is enough. */
  async say(text: string): Promise<SipMessage> {
    await this.send(complete(text, this));
    return new SipMessage(this.sent);
  }

  /** Sends the text unchanged, except that line ends become CRLF. */
  exactly(text: string): Promise<void> {
    return this.send(exactly(text));
  }

  /** Sends octets. */
  send(octets: string): Promise<void> {
    this.sent = octets;
    const user = /^REGISTER .*^(?:To|t)[ \t]*:[^\r]*?(sips?:[^@>;\r]+@[^>;:\r]+)/ims.exec(octets)?.[1];
    if (user !== undefined) this.registered.add(user);
    return this.wire.send(octets);
  }

  /** Answers the last request received, or the given one, the way it came. */
  async reply(status: string, extra = "", request: Received = this.last): Promise<SipMessage> {
    this.sent = responseTo(request.message, status, this.name, extra);
    await request.answer(this.sent);
    return new SipMessage(this.sent);
  }

  /** The next message or pong; 100 Trying is hop by hop and skipped unless the test asks for it. */
  async next(timeout = PATIENCE, with100 = false): Promise<SipMessage> {
    let received = await this.#inbox.take(this.name, timeout);
    while (!with100 && received.message.status === 100) received = await this.#inbox.take(this.name, timeout);
    this.#last = received;
    return received.message;
  }

  async request(method: string, timeout = PATIENCE): Promise<SipMessage> {
    const message = await this.next(timeout);
    if (message.isResponse || message.method !== method) {
      throw new Error(`${this.name} expected ${method} and got:\n${message.text}`);
    }
    return message;
  }

  async response(status: number, timeout = PATIENCE): Promise<SipMessage> {
    const message = await this.next(timeout, status === 100);
    if (message.status !== status) throw new Error(`${this.name} expected ${status} and got:\n${message.text}`);
    return message;
  }

  /** The response has been sent when the server has processed what everyone sent before: at once, whatever a machine takes for it. */
  async atOnce(status: number): Promise<SipMessage> {
    await this.#allSettle();
    return this.response(status, 0);
  }

  async pong(): Promise<void> {
    const message = await this.next();
    if (message.text !== PONG) throw new Error(`${this.name} expected a pong and got:\n${message.text}`);
  }

  /**
   * Asserts that nothing is waiting for this party once the server has processed what everyone sent. With `wait`, nothing may arrive for this
   * many milliseconds either.
   */
  async nothing(wait = 0): Promise<void> {
    await this.#allSettle();
    if (wait > 0) await sleep(wait);
    const texts = this.#inbox.peek().filter(({ message }) => message.status !== 100).map(({ text }) => text);
    if (texts.length > 0) throw new Error(`${this.name} expected nothing and got:\n${texts.join("\n")}`);
  }

  /** Twice, for what one shard has handed to another. */
  async #allSettle(): Promise<void> {
    for (let round = 0; round < 2; round += 1) await Promise.all([...this.#company].map((party) => party.settle()));
    // What has arrived is now in our socket buffers: one turn of the event loop reads it, another delivers it.
    for (let round = 0; round < 3; round += 1) await turn();
  }

  /** Returns when the server has processed what this party sent before: its OPTIONS has been answered. */
  async settle(): Promise<void> {
    if (!this.#wire?.isOpen) return;
    await this.wire.send(complete(`OPTIONS ${this.#company.barrier ?? `sip:${this.edge}`} SIP/2.0\nCall-ID: settle-${this.name}`, this));
    // If the edge closes the connection meanwhile, nothing more can come either.
    await Promise.race([this.#settled.take(`${this.name}, OPTIONS to the server`), this.wire.closed]);
  }

  forget(): void {
    this.#inbox.clear();
    this.#last = undefined;
  }

  async close(): Promise<void> {
    await this.#wire?.close();
  }

  leave(): void {
    this.#company.delete(this);
  }
}

/** The edge probes its upstream: with its own OPTIONS, so with one Via. */
function isProbe(message: SipMessage): boolean {
  return message.method === "OPTIONS" && !message.isResponse && message.all("Via").length === 1;
}

function isOfAnotherScene(callId: string, scene: string): boolean {
  return /@scene-\d+$/.test(callId) && !callId.endsWith(`@${scene}`);
}
