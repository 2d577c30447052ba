/** A connection of a test party, plain or with TLS and WebSocket: framed when read, written in pieces if a splitter says so. */
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { type ConnectionOptions, TLSSocket, connect as connectTls } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import type { Incoming, Splitter, Transport, Wire } from "./wire.js";
import { PATIENCE } from "./mailbox.js";
import { StreamFramer } from "./stream-framer.js";
import { WebSocketFramer } from "./websocket-framer.js";
import { hostPort } from "./ports.js";
import { upgrade } from "./upgrade.js";

export interface ConnectionShape {
  readonly localPort?: number;
  readonly localHost?: string;
  readonly split?: Splitter | undefined;
  /** Default: tcp. */
  readonly transport?: Exclude<Transport, "udp"> | undefined;
  readonly tls?: ConnectionOptions;
  /** For a WebSocket: the page that opens it. */
  readonly origin?: string | undefined;
}

export class TcpConnection implements Wire {
  readonly transport: Exclude<Transport, "udp">;
  readonly at: string;
  readonly port: number;
  /** Settled when the other side has closed, or we have. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly framer: StreamFramer | WebSocketFramer;
  readonly #split: Splitter | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(socket: Socket, receive: (incoming: Incoming) => void, split?: Splitter, transport: Exclude<Transport, "udp"> = "tcp") {
    this.#socket = socket;
    this.transport = transport;
    this.framer = transport === "ws" || transport === "wss" ? new WebSocketFramer() : new StreamFramer();
    this.#split = split;
    this.at = hostPort(socket.localAddress ?? "", socket.localPort ?? 0);
    this.port = socket.localPort ?? 0;
    const from = hostPort(socket.remoteAddress ?? "", socket.remotePort ?? 0);
    const answer = (text: string): Promise<void> => this.send(text);
    socket.setNoDelay(true);
    // A reset is an ordinary end of a connection here; `closed` covers both.
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      for (const text of this.framer.push(bytes)) receive({ text, from, transport, answer });
      if (this.framer instanceof WebSocketFramer) for (const reply of this.framer.takeReplies()) socket.write(reply);
    });
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  static async open(
    target: { host: string; port: number },
    receive: (incoming: Incoming) => void,
    { localPort = 0, localHost, split, transport = "tcp", tls = {}, origin }: ConnectionShape = {},
  ): Promise<TcpConnection> {
    const local = localPort > 0 || localHost !== undefined ? { localPort, localAddress: localHost ?? target.host } : {};
    const bare = connect({ ...target, ...local });
    await once(bare, "connect");
    const isSecure = transport === "tls" || transport === "wss";
    const socket = isSecure ? connectTls({ socket: bare, rejectUnauthorized: false, ...tls }) : bare;
    if (isSecure) await once(socket, "secureConnect");
    if (transport === "ws" || transport === "wss") await upgrade(socket, hostPort(target.host, target.port), origin);
    return new TcpConnection(socket, receive, split, transport);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  /** The subjectAltName of the other side's certificate; empty: it has shown none. */
  get peerNames(): string {
    return this.#socket instanceof TLSSocket ? (this.#socket.getPeerCertificate().subjectaltname ?? "") : "";
  }

  /** What has arrived and is not a complete message yet. */
  get unfinished(): string {
    return this.framer.unfinished;
  }

  /** One message after the other: interleaved pieces would garble both. */
  send(text: string): Promise<void> {
    this.#sending = this.#sending.then(() => this.#sendInPieces(text));
    return this.#sending;
  }

  async #sendInPieces(text: string): Promise<void> {
    const octets = this.framer.encode(text).toString("latin1");
    const pieces = this.#split?.(octets) ?? [octets];
    for (const [index, piece] of pieces.entries()) {
      // Without a pause the kernel would join the pieces before the edge reads them.
      if (index > 0) await sleep(1);
      await this.#write(piece);
    }
  }

  /** Sends octets unchanged, without framing. */
  raw(octets: Buffer): Promise<void> {
    return this.#write(octets.toString("latin1"));
  }

  /** Sends no more bytes; still reads what the other side sends. */
  finish(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  /** With RST instead of FIN, which also frees the port at once. */
  async reset(): Promise<void> {
    this.#socket.resetAndDestroy();
    await this.closed;
  }

  /** Throws when the other side leaves the connection open. */
  async expectClosed(timeout = PATIENCE): Promise<void> {
    const deadline = sleep(timeout, "open", { ref: false });
    if ((await Promise.race([this.closed, deadline])) === "open") throw new Error(`not closed within ${timeout} ms`);
  }

  #write(piece: string): Promise<void> {
    return new Promise((resolve) => {
      // Writing to a connection that the edge has closed is part of some tests; those look at `closed`.
      this.#socket.write(Buffer.from(piece, "latin1"), () => resolve());
    });
  }
}
