/** An outbound phone (RFC 5626 4): one identity, one instance, a flow for each reg-id. It asks, answers, and keeps its flows alive. */
import { randomBytes, randomUUID } from "node:crypto";
import { SipMessage } from "../sip/message.js";
import { type Credentials, answerChallenge } from "./digest.js";
import { type Link, type LinkTarget, openLink } from "./link.js";

export interface PhoneOptions {
  readonly user: string;
  readonly domain: string;
  readonly credentials: Credentials | undefined;
  /** Called for each message of any flow. */
  readonly onMessage?: (sent: boolean, flow: Flow, message: SipMessage) => void;
}

/** A flow with the answer to its registration. */
export interface Flow {
  readonly regId: number;
  readonly link: Link;
  /** Requests that came over it and that nobody has taken yet. */
  readonly requests: SipMessage[];
  keepAlives: number;
}

const T1_MS = 500;
const TRANSACTION_MS = 8_000;
const KEEPALIVE_MS = 10_000;

interface Waiting {
  readonly give: (response: SipMessage) => void;
}

export class Phone {
  readonly instance = `<urn:uuid:${randomUUID()}>`;
  readonly #options: PhoneOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #callId = `${randomBytes(8).toString("hex")}@sluice-phone`;
  readonly #tag = randomBytes(4).toString("hex");
  #cseq = 0;
  #onKeepAlive: (() => void) | undefined;
  #onRequest: ((flow: Flow, request: SipMessage) => void) | undefined;

  constructor(options: PhoneOptions) {
    this.#options = options;
  }

  get aor(): string {
    return `sip:${this.#options.user}@${this.#options.domain}`;
  }

  async connect(regId: number, target: LinkTarget): Promise<Flow> {
    const flow: { regId: number; link?: Link; requests: SipMessage[]; keepAlives: number } = { regId, requests: [], keepAlives: 0 };
    flow.link = await openLink(target, { onReceived: (octets) => this.#received(flow as Flow, octets), onClosed: () => undefined });
    return flow as Flow;
  }

  /** The final response; undefined: none came in time. Challenges are answered once. */
  async register(flow: Flow, expires: number, extra: readonly string[] = []): Promise<SipMessage | undefined> {
    const contact = `Contact: <sip:${this.#options.user}@${flow.link.local}${transportOf(flow)};ob>;reg-id=${flow.regId};+sip.instance="${this.instance}"`;
    const lines = ["Supported: path, outbound, gruu", contact, `Expires: ${expires}`, ...extra];
    return this.#request(flow, "REGISTER", `sip:${this.#options.domain}`, { to: this.aor, callId: this.#callId, lines });
  }

  /** The final response to a request outside a dialog. */
  ask(flow: Flow, method: string, uri: string, lines: readonly string[] = [], body = ""): Promise<SipMessage | undefined> {
    return this.#request(flow, method, uri, { to: uri, callId: `${randomBytes(8).toString("hex")}@sluice-phone`, lines, body });
  }

  /** Sends a request that gets no response. */
  tell(flow: Flow, text: string): void {
    this.#send(flow, text);
  }

  /** CRLFCRLF over connections (RFC 5626 4.4.1), STUN over UDP (4.4.2); whether the answer came. */
  keepAlive(flow: Flow, patience = KEEPALIVE_MS): Promise<boolean> {
    const before = flow.keepAlives;
    return new Promise((resolve) => {
      const done = (answered: boolean): void => {
        clearTimeout(timer);
        this.#onKeepAlive = undefined;
        resolve(answered);
      };
      const timer = setTimeout(() => done(false), patience);
      this.#onKeepAlive = () => {
        if (flow.keepAlives > before) done(true);
      };
      flow.link.send(flow.link.transport === "udp" ? stunBinding() : Buffer.from("\r\n\r\n"));
    });
  }

  /** Handles requests from now on; without it they wait in `flow.requests` after a 200. */
  onRequest(answer: (flow: Flow, request: SipMessage) => void): void {
    this.#onRequest = answer;
  }

  answer(flow: Flow, request: SipMessage, status: string, lines: readonly string[] = []): void {
    const to = request.header("to") ?? "";
    const copied = ["via", "record-route"].flatMap((name) => request.headers(name).map((value) => `${name === "via" ? "Via" : "Record-Route"}: ${value}`));
    this.#send(
      flow,
      [
        `SIP/2.0 ${status}`,
        ...copied,
        `From: ${request.header("from") ?? ""}`,
        `To: ${to}${/;\s*tag=/i.test(to) ? "" : `;tag=${this.#tag}`}`,
        `Call-ID: ${request.header("call-id") ?? ""}`,
        `CSeq: ${request.header("cseq") ?? ""}`,
        ...lines,
        "Content-Length: 0",
        "",
        "",
      ].join("\r\n"),
    );
  }

  /** Sends a ready-made request whose top Via has that branch; the final response, undefined: none came in time. */
  transact(flow: Flow, text: string, branch: string): Promise<SipMessage | undefined> {
    return new Promise((resolve) => {
      let interval = T1_MS;
      let again: NodeJS.Timeout | undefined;
      const end = (response: SipMessage | undefined): void => {
        clearTimeout(timer);
        clearTimeout(again);
        this.#waiting.delete(branch);
        resolve(response);
      };
      const timer = setTimeout(() => end(undefined), TRANSACTION_MS);
      const repeat = (): void => {
        this.#send(flow, text);
        interval *= 2;
        again = setTimeout(repeat, interval);
      };
      if (flow.link.transport === "udp") again = setTimeout(repeat, interval);
      this.#waiting.set(branch, {
        give: (response) => {
          clearTimeout(again);
          if (response.status >= 200) end(response);
        },
      });
      this.#send(flow, text);
    });
  }

  async #request(flow: Flow, method: string, uri: string, given: { to: string; callId: string; lines: readonly string[]; body?: string }): Promise<SipMessage | undefined> {
    const first = await this.#transaction(flow, method, uri, given);
    const { credentials } = this.#options;
    if (first === undefined || credentials === undefined || (first.status !== 401 && first.status !== 407)) return first;
    const [asks, answers] = first.status === 401 ? ["www-authenticate", "Authorization"] : ["proxy-authenticate", "Proxy-Authorization"];
    const value = first.headers(asks).map((challenge) => answerChallenge(challenge, method, uri, credentials)).find((found) => found !== undefined);
    if (value === undefined) return first;
    return this.#transaction(flow, method, uri, { ...given, lines: [...given.lines, `${answers}: ${value}`] });
  }

  #transaction(flow: Flow, method: string, uri: string, { to, callId, lines, body = "" }: { to: string; callId: string; lines: readonly string[]; body?: string }): Promise<SipMessage | undefined> {
    this.#cseq += 1;
    const branch = `z9hG4bK${randomBytes(8).toString("hex")}`;
    const { link } = flow;
    const text = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/${link.transport.toUpperCase()} ${link.local};branch=${branch};rport`,
      "Max-Forwards: 70",
      `From: <${this.aor}>;tag=${this.#tag}`,
      `To: <${to}>`,
      `Call-ID: ${callId}`,
      `CSeq: ${this.#cseq} ${method}`,
      "User-Agent: sluice-phone",
      ...lines,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
    return this.transact(flow, text, branch);
  }

  #send(flow: Flow, text: string): void {
    const octets = Buffer.from(text);
    this.#options.onMessage?.(true, flow, new SipMessage(octets));
    flow.link.send(octets);
  }

  #received(flow: Flow, octets: Buffer): void {
    if (octets.length <= 4 || octets[0] === 1) {
      flow.keepAlives += 1;
      this.#onKeepAlive?.();
      return;
    }
    if (octets.indexOf("\r\n\r\n") < 0) return;
    const message = new SipMessage(octets);
    this.#options.onMessage?.(false, flow, message);
    if (!message.isRequest) {
      const branch = /;\s*branch=([^;,\s]+)/i.exec(message.header("via") ?? "")?.[1] ?? "";
      return this.#waiting.get(branch)?.give(message);
    }
    if (this.#onRequest) return this.#onRequest(flow, message);
    flow.requests.push(message);
    if (message.method !== "ACK") this.answer(flow, message, "200 OK");
  }
}

function transportOf({ link }: Flow): string {
  return link.transport === "udp" ? "" : `;transport=${link.transport === "wss" ? "ws" : link.transport}`;
}

/** RFC 5389 6: a Binding request without attributes. */
function stunBinding(): Buffer {
  return Buffer.concat([Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]), randomBytes(12)]);
}
