/**
 * Two servers that hear the same octets and must look the same: one decides by numbers what it can, the other has SLUICE_FAST_PATH=off. What differs between
 * any two servers (their address, tags, branches, tokens, nonces) is taken away, then everything that each party got is compared.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { Admin } from "./admin.js";
import { Edge, type Settings } from "./edge.js";
import { Mailbox } from "./mailbox.js";
import { freePort } from "./ports.js";
import { type Line, SharedSocket } from "./shared-socket.js";
import { SipMessage } from "./sip-message.js";
import { exactly, newBranch, responseTo } from "./sip-text.js";
import { TcpConnection } from "./tcp-connection.js";
import type { Incoming } from "./wire.js";

/** `{server}`, `{me}` and `{name}` stand for the host:port of the server, of the sender and of another party. */
export type Script = string | ((twin: Twin) => string);

interface Heard {
  readonly by: string;
  readonly text: string;
  readonly expires: readonly number[];
}

/** How a phone answers a request; undefined: not at all. */
export type Manner = (request: SipMessage) => string | undefined;

/** What a sender calls one transaction (RFC 3261 17.2.3). */
function transactionOf(name: string, message: SipMessage): string {
  return `${name} ${message.method} ${/;branch=([^;,\s]+)/.exec(message.header("Via"))?.[1] ?? ""}`;
}

const MAX_TRACED = 20_000;
const MAX_ROUNDS = 400;
const HOST = "127.0.0.1";
/** Requests of one source; a server that is slow takes 500 of them on the object path (docs/registrar.md), and refuses the rest. */
const MOST_A_SECOND = 450;

/** One of the two, with a socket of each party. */
export class Twin {
  readonly wires = new Map<string, Line>();
  readonly heard: Heard[] = [];
  readonly trace: string[] = [];
  /** Challenges by the party that got them. */
  readonly challenges = new Map<string, SipMessage>();
  /** The status of the last response to each transaction, repeated or not. */
  readonly answers = new Map<string, number>();
  readonly #settled = new Mailbox<string>();
  /** Retransmissions come when they will. */
  readonly #seen = new Set<string>();
  /** When each source has sent its latest MOST_A_SECOND. */
  readonly #sent = new Map<string, number[]>();
  readonly #invites = new Map<string, { readonly request: SipMessage; readonly answer: Incoming["answer"] }>();
  /** Requests that nobody has answered yet. */
  readonly #open: { readonly key: string; readonly answer: () => void }[] = [];
  readonly #manner: Manner;
  readonly server: Edge;
  readonly admin: Admin;
  readonly port: number;

  private constructor(server: Edge, admin: Admin, port: number, manner: Manner) {
    this.server = server;
    this.admin = admin;
    this.port = port;
    this.#manner = manner;
  }

  static async open(settings: Settings, manner: Manner): Promise<Twin> {
    const port = await freePort(HOST);
    const admin = await Admin.choose();
    const listen = `udp:${HOST}:${port},tcp:${HOST}:${port}`;
    return new Twin(await Edge.start({ SLUICE_LISTEN: listen, SLUICE_ADMIN_LISTEN: admin.listen, ...settings }), admin, port, manner);
  }

  get at(): string {
    return `${HOST}:${this.port}`;
  }

  /** Over a connection from there, or over a socket that the other one hears as well. */
  async join(name: string, place: SharedSocket | string): Promise<void> {
    const receive = (incoming: Incoming): void => this.#receive(name, incoming);
    this.wires.set(name, typeof place === "string" ? await TcpConnection.open({ host: HOST, port: this.port }, receive, { localHost: place }) : place.line(HOST, this.port, receive));
  }

  wire(name: string): Line {
    const wire = this.wires.get(name);
    if (wire === undefined) throw new Error(`nobody is called ${name}`);
    return wire;
  }

  /** The text as this one gets it. */
  render(name: string, script: Script): string {
    let text = typeof script === "string" ? script : script(this);
    for (const [other, { at }] of this.wires) text = text.replaceAll(`{${other}}`, at);
    return text.replaceAll("{server}", this.at).replaceAll("{me}", this.wire(name).at);
  }

  /** What `name` says, as soon as the share of its source has room. */
  async send(name: string, octets: string): Promise<void> {
    const wire = this.wire(name);
    const host = wire.at.slice(0, wire.at.lastIndexOf(":"));
    const times = this.#sent.get(host) ?? [];
    this.#sent.set(host, times);
    while (times.length >= MOST_A_SECOND) await sleep(Math.max(0, (times.shift() ?? 0) + 1_000 - performance.now()));
    times.push(performance.now());
    await wire.send(octets);
  }

  note(what: string, text: string): void {
    this.trace.push(`${new Date().toISOString()} ${what}\n${text}`);
    if (this.trace.length > MAX_TRACED) this.trace.shift();
  }

  /** One after the other, in an order that does not depend on who was asked first; false: nothing has happened, and nobody has anything to say. */
  async turn(): Promise<boolean> {
    const before = this.heard.length;
    await this.#settle();
    if (this.heard.length !== before) return true;
    const [next] = this.#open.sort((one, other) => (one.key < other.key ? -1 : 1)).splice(0, 1);
    next?.answer();
    return next !== undefined;
  }

  /** Everything sent before has been looked at. */
  async #settle(): Promise<void> {
    await Promise.all([...this.wires].map(async ([name, wire]) => {
      const via = `SIP/2.0/${wire.transport.toUpperCase()} ${wire.at};branch=${newBranch()};rport`;
      await this.send(name, exactly(`OPTIONS sip:nobody@example.com SIP/2.0\nVia: ${via}\nMax-Forwards: 70\nFrom: <sip:a@elsewhere.example>;tag=1\nTo: <sip:b@example.com>\nCall-ID: settle-${name}\nCSeq: 1 OPTIONS\nContent-Length: 0`));
      await this.#settled.take(`${name}, OPTIONS to the server`);
    }));
  }

  async close(): Promise<void> {
    try {
      await this.server.expectHealthy();
    } finally {
      await Promise.all([...this.wires.values()].map((wire) => wire.close()));
      await this.server.stop();
    }
  }

  /** Of a counter with a label `path`. */
  async counted(metric: string, path: string): Promise<number> {
    const { text } = await this.admin.get("/metrics");
    return Number(new RegExp(`^${metric}\\{.*path="${path}".*\\} (\\d+)`, "m").exec(text)?.[1] ?? 0);
  }

  #receive(name: string, incoming: Incoming): void {
    const message = new SipMessage(incoming.text);
    if (message.isResponse && message.header("Call-ID").startsWith("settle-")) return this.#settled.put(name);
    // The server asks whether we hear it.
    if (message.method === "OPTIONS" && !message.isResponse && message.all("Via").length === 1) return void incoming.answer(responseTo(message, "200 OK", "dev"));
    this.note(`${name} hears`, incoming.text);
    const heard = { by: name, ...this.#comparable(message) };
    if (message.isResponse) this.answers.set(transactionOf(name, message), message.status);
    // A response may be made anew for a retransmission.
    const key = `${name} ${message.isResponse ? heard.text : incoming.text}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (message.status === 401 || message.status === 407) this.challenges.set(name, message);
    this.heard.push(heard);
    if (message.isResponse) this.#acknowledge(message, incoming);
    else this.#open.push({ key: `${name} ${heard.text}`, answer: () => this.#answer(message, incoming.answer) });
  }

  /** As a caller must, or the response would come again and again. */
  #acknowledge(response: SipMessage, { answer }: Incoming): void {
    if (response.status < 300 || response.method !== "INVITE") return;
    const copied = (name: string): string => response.lines.find((line) => line.name === name)?.raw ?? "";
    const via = response.all("Via")[0] ?? "";
    const [cseq = "1"] = response.header("CSeq").split(/\s+/);
    void answer(["ACK sip:x@example.com SIP/2.0", `Via: ${via}`, "Max-Forwards: 70", copied("from"), copied("to"), copied("call-id"), `CSeq: ${cseq} ACK`, "Content-Length: 0", "", ""].join("\r\n"));
  }

  #answer(request: SipMessage, answer: Incoming["answer"]): void {
    const { method } = request;
    const branch = /;branch=([^;,\s]+)/.exec(request.header("Via"))?.[1] ?? "";
    if (method === "ACK") return;
    if (method === "CANCEL") {
      const invite = this.#invites.get(branch);
      this.#invites.delete(branch);
      void answer(responseTo(request, "200 OK", "dev")).then(() => invite?.answer(responseTo(invite.request, "487 Request Terminated", "dev")));
      return;
    }
    const status = this.#manner(request);
    if (status === undefined) return;
    if (status.startsWith("1")) this.#invites.set(branch, { request, answer });
    void answer(responseTo(request, status, "dev", "X-Device: 1\n"));
  }

  #comparable(message: SipMessage): Omit<Heard, "by"> {
    const expires: number[] = [];
    let { text } = message;
    for (const [name, { at }] of this.wires) text = text.replaceAll(at, `AT-${name}`);
    text = text
      .replaceAll(this.at, "SERVER")
      // White space at the end of a line may be folded, and says nothing (RFC 3261 7.3.1).
      .replace(/(?:\r\n)?[ \t]+(?=\r\n)/g, "")
      .replace(/branch=z9hG4bK(?!-twin)[^;,\s]+/g, "branch=B")
      .replace(/;rport=\d+/g, ";rport=R")
      .replace(/(^(?:To|t)[ \t]*:(?:.|\r\n[ \t])*; *tag=)[\w-]{8,}/im, "$1T")
      .replace(/temp-gruu="sip:tgruu\.[\w-]+@/g, 'temp-gruu="sip:TEMPORARY@')
      .replace(/nonce="[^"]{40,}"/g, 'nonce="N"')
      // Credentials in a field that a response repeats.
      .replace(/response="[0-9a-f]{32,64}"/g, 'response="R"')
      .replace(/sip:[\w-]{30,}@/g, "sip:TOKEN@")
      .replace(/;nb=[^;>]+/g, ";nb=N")
      .replace(/^Date: .*$/m, "Date: D")
      // Spread at random.
      .replace(/^Retry-After: \d+/m, "Retry-After: S")
      .replace(/;expires=(\d+)/g, (_, seconds: string) => (expires.push(Number(seconds)), ";expires=E"));
    return { text, expires };
  }
}

export class Twins {
  readonly numbers: Twin;
  readonly objects: Twin;
  /** What each party has got in all. */
  readonly statuses = new Map<string, number>();
  /** REGISTERs by transaction: as the first one was sent; undefined: they were not all alike. */
  readonly #registers = new Map<string, string | undefined>();

  private constructor(numbers: Twin, objects: Twin) {
    this.numbers = numbers;
    this.objects = objects;
  }

  static async open(settings: Settings, manner: Manner, [one = {}, other = {}]: readonly Settings[] = []): Promise<Twins> {
    const numbers = await Twin.open({ ...settings, ...one }, manner);
    return new Twins(numbers, await Twin.open({ ...settings, SLUICE_FAST_PATH: "off", ...other }, manner));
  }

  get both(): readonly Twin[] {
    return [this.numbers, this.objects];
  }

  async join(name: string, transport: "udp" | "tcp", localHost: string): Promise<void> {
    const place = transport === "udp" ? await SharedSocket.bind(localHost) : localHost;
    for (const twin of this.both) await twin.join(name, place);
  }

  /** Sends the octets to both; throws if anybody then gets from one of them what he does not get from the other. */
  async say(name: string, script: Script, why: string): Promise<void> {
    const changed = this.#changedRegister(name, script);
    for (const twin of this.both) {
      const text = twin.render(name, script);
      twin.note(`${name} says`, text);
      await twin.send(name, text);
    }
    await this.agree(why, changed);
  }

  /** The transaction of a REGISTER whose sender has not sent the same each time. */
  #changedRegister(name: string, script: Script): string | undefined {
    if (typeof script !== "string" || !script.startsWith("REGISTER ")) return undefined;
    const transaction = transactionOf(name, new SipMessage(script));
    const isAlike = !this.#registers.has(transaction) || this.#registers.get(transaction) === script;
    this.#registers.set(transaction, isAlike ? script : undefined);
    return isAlike ? undefined : transaction;
  }

  /**
   * `changed`: a REGISTER that came before with other octets. By objects it gets the octets of the first answer; by numbers, which remember what was
   * granted and not the answer (docs/registrar.md), the same answer with its own From and Via and the bindings of now. The status must be the same.
   */
  async agree(why: string, changed?: string): Promise<void> {
    let lists: readonly Heard[][] = [];
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const turns = await Promise.all(this.both.map((twin) => twin.turn()));
      if (turns.includes(true)) continue;
      lists = this.both.map(({ heard }) => [...heard].sort((a, b) => (`${a.by}\n${a.text}` < `${b.by}\n${b.text}` ? -1 : 1)));
      if (shown(lists[0]) === shown(lists[1])) break;
      if (changed === undefined || this.numbers.answers.get(changed) !== this.objects.answers.get(changed)) continue;
      lists = lists.map((list) => list.filter(({ by, text }) => !text.startsWith("SIP/2.0 ") || transactionOf(by, new SipMessage(text)) !== changed));
      if (shown(lists[0]) === shown(lists[1])) break;
    }
    const [numbers = [], objects = []] = lists;
    if (shown(numbers) !== shown(objects)) why += this.#traces([...numbers, ...objects]);
    expect(numbers.map(({ by, text }) => `${by}\n${text}`), why).toEqual(objects.map(({ by, text }) => `${by}\n${text}`));
    // Seconds that are left may differ by the time between the two.
    numbers.forEach(({ expires }, at) => expires.forEach((seconds, place) => expect(Math.abs(seconds - (objects[at]?.expires[place] ?? -9)), why).toBeLessThanOrEqual(3)));
    for (const { text } of numbers) this.#count(text);
    for (const { heard } of this.both) heard.length = 0;
  }

  /** Of the calls in question, and of what had their branches under another Call-ID. */
  #traces(heard: readonly Heard[]): string {
    const calls = new Set(heard.map(({ text }) => new SipMessage(text).header("Call-ID")));
    const branches = new Set(heard.flatMap(({ text }) => text.match(/(?<=;branch=)z9hG4bK-twin[\w-]*/) ?? []));
    const isOfThose = (text: string): boolean => calls.has(new SipMessage(text.slice(text.indexOf("\n") + 1)).header("Call-ID")) || [...branches].some((branch) => text.includes(`;branch=${branch}`));
    return this.both.map(({ trace }, at) => `\n\n${at === 0 ? "by numbers" : "by objects"}\n${trace.filter(isOfThose).join("\n")}`).join("");
  }

  #count(text: string): void {
    const kind = text.slice(0, text.startsWith("SIP/2.0 ") ? 11 : text.indexOf(" "));
    this.statuses.set(kind, (this.statuses.get(kind) ?? 0) + 1);
  }

  async close(): Promise<void> {
    for (const twin of this.both) await twin.close();
  }
}

const shown = (list: readonly Heard[] = []): string => list.map(({ by, text }) => `${by}\n${text}`).join("\n");
