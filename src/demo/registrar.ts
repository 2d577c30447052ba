/**
 * A registrar and home proxy for the demonstration: it stores Path, instance and reg-id, sends a call along one flow of an instance, and on
 * 430 tries the next (RFC 5626 7). It keeps to what the scene needs; the real one is the registrar mode.
 */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { SipMessage } from "../sip/message.js";

interface Binding {
  readonly contact: string;
  readonly regId: number;
  readonly path: readonly string[];
}

interface Peer {
  readonly address: string;
  readonly port: number;
}

interface Fork {
  readonly request: SipMessage;
  readonly from: Peer;
  readonly left: Binding[];
}

export type OnMessage = (sent: boolean, text: string) => void;

const FLOW_FAILED = 430;

export class DemoRegistrar {
  readonly #socket: Socket;
  readonly #onMessage: OnMessage;
  readonly #onNote: (text: string) => void;
  /** By AOR, newest first. */
  readonly #bindings = new Map<string, Binding[]>();
  /** By the branch of our own Via. */
  readonly #forks = new Map<string, Fork>();

  private constructor(socket: Socket, onMessage: OnMessage, onNote: (text: string) => void) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    this.#onNote = onNote;
    socket.on("message", (octets, from) => this.#received(new SipMessage(octets), from));
  }

  static async start(onMessage: OnMessage, onNote: (text: string) => void): Promise<DemoRegistrar> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new DemoRegistrar(socket, onMessage, onNote);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }

  #received(message: SipMessage, from: Peer): void {
    // The edge asks whether its upstream lives: no part of the scene.
    if (message.method === "OPTIONS") return this.#send(answerTo(message, "200 OK"), from, false);
    this.#onMessage(false, textOf(message));
    if (!message.isRequest) return this.#answered(message);
    if (message.method === "REGISTER") return this.#register(message, from);
    const bindings = [...(this.#bindings.get(aorOf(message.uri)) ?? [])];
    if (bindings.length === 0) return message.method === "ACK" ? undefined : this.#send(answerTo(message, "404 Not Found"), from);
    this.#sendOn({ request: message, from, left: bindings });
  }

  #register(message: SipMessage, from: Peer): void {
    const aor = aorOf(message.header("to") ?? "");
    const contact = message.header("contact") ?? "";
    const binding: Binding = {
      contact: /<([^>]*)>/.exec(contact)?.[1] ?? "",
      regId: Number(/;reg-id=(\d+)/.exec(contact)?.[1] ?? 0),
      path: message.headers("path").flatMap((value) => value.split(/,(?=\s*<)/)).map((value) => value.trim()),
    };
    const others = (this.#bindings.get(aor) ?? []).filter(({ regId }) => regId !== binding.regId);
    this.#bindings.set(aor, [...others, binding].sort((one, other) => one.regId - other.regId));
    const lines = [...binding.path.map((value) => `Path: ${value}`), "Require: outbound", "Supported: path, outbound", `Contact: ${contact};expires=120`];
    this.#send(answerTo(message, "200 OK", lines), from);
  }

  #sendOn(fork: Fork): void {
    const binding = fork.left.shift();
    if (binding === undefined) return this.#send(answerTo(fork.request, "480 Temporarily Unavailable"), fork.from);
    const branch = `z9hG4bK${randomBytes(8).toString("hex")}`;
    this.#forks.set(branch, fork);
    const { request } = fork;
    const kept = request.fields.filter(({ key }) => key !== "route" && key !== "max-forwards");
    const text = [
      `${request.method} ${binding.contact} SIP/2.0`,
      `Via: SIP/2.0/UDP 127.0.0.1:${this.port};branch=${branch}`,
      `Route: ${binding.path.join(", ")}`,
      `Max-Forwards: ${Number(request.header("max-forwards")) - 1}`,
      ...kept.map(({ key, value }) => `${nameOf(key)}: ${value}`),
      "",
      Buffer.from(request.body).toString("latin1"),
    ].join("\r\n");
    this.#send(text, fork.from);
  }

  #answered(response: SipMessage): void {
    const branch = /branch=([^;,\s]+)/.exec(response.header("via") ?? "")?.[1] ?? "";
    const fork = this.#forks.get(branch);
    if (fork === undefined) return;
    if (response.status === FLOW_FAILED) {
      this.#onNote("430 Flow Failed: the registrar forgets that flow and tries the next of the same phone");
      const aor = aorOf(fork.request.uri);
      this.#bindings.set(aor, (this.#bindings.get(aor) ?? []).slice(1));
      return this.#sendOn(fork);
    }
    const [, ...lines] = response.fields;
    this.#send([response.startLine, ...lines.map(({ key, value }) => `${nameOf(key)}: ${value}`), "", Buffer.from(response.body).toString("latin1")].join("\r\n"), fork.from);
  }

  #send(text: string, { address, port }: Peer, shown = true): void {
    if (shown) this.#onMessage(true, text);
    this.#socket.send(Buffer.from(text, "latin1"), port, address);
  }
}

function answerTo(request: SipMessage, status: string, lines: readonly string[] = []): string {
  const copied = request.fields.filter(({ key }) => ["via", "from", "to", "call-id", "cseq"].includes(key));
  const heads = copied.map(({ key, value }) => `${nameOf(key)}: ${key === "to" && !/;tag=/i.test(value) ? `${value};tag=registrar` : value}`);
  return [`SIP/2.0 ${status}`, ...heads, ...lines, "Content-Length: 0", "", ""].join("\r\n");
}

/** user@host of a URI or of a header value that holds one. */
function aorOf(text: string): string {
  return /sips?:([^@>;]+@[^>;:\s]+)/i.exec(text)?.[1]?.toLowerCase() ?? "";
}

function nameOf(key: string): string {
  return key === "cseq" ? "CSeq" : key === "call-id" ? "Call-ID" : key.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

function textOf(message: SipMessage): string {
  return Buffer.from(message.octets).toString("latin1");
}
