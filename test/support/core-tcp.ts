/** The core's end over TCP: accepts the connections that the edge dials, and dials one itself to the edge's core side. */
import { once } from "node:events";
import { type Server, createServer } from "node:net";
import type { Incoming, Splitter, Wire } from "./wire.js";
import { TcpConnection } from "./tcp-connection.js";
import { hostPort } from "./ports.js";

export class CoreTcp implements Wire {
  readonly transport = "tcp";
  readonly accepted: TcpConnection[] = [];
  readonly at: string;
  readonly port: number;
  readonly closed: Promise<void>;
  isOpen = true;
  split: Splitter | undefined;
  readonly #server: Server = createServer();
  readonly #target: { readonly host: string; readonly port: number };
  readonly #receive: (incoming: Incoming) => void;
  readonly #useAccepted: boolean;
  readonly #host: string;
  #own: TcpConnection | undefined;

  private constructor(
    target: { host: string; port: number },
    receive: (incoming: Incoming) => void,
    port: number,
    useAccepted: boolean,
    host: string,
  ) {
    this.at = hostPort(host, port);
    this.#host = host;
    this.port = port;
    this.#target = target;
    this.#receive = receive;
    this.#useAccepted = useAccepted;
    this.closed = new Promise((resolve) => this.#server.once("close", () => resolve()));
    this.#server.on("connection", (socket) => {
      this.accepted.push(new TcpConnection(socket, receive, (text) => this.split?.(text) ?? [text]));
    });
  }

  /** With `useAccepted`, requests go over the newest connection dialled by the edge, which trusts it wherever it listens. */
  static async open(
    target: { host: string; port: number },
    receive: (incoming: Incoming) => void,
    listenPort: number,
    useAccepted: boolean,
    host = target.host,
  ): Promise<CoreTcp> {
    const core = new CoreTcp(target, receive, listenPort, useAccepted, host);
    core.#server.listen(listenPort, host);
    await once(core.#server, "listening");
    return core;
  }

  async send(text: string): Promise<void> {
    const connection = this.#useAccepted ? this.accepted.findLast((one) => one.isOpen) : undefined;
    await (connection ?? (await this.#dial())).send(text);
  }

  /** Closes the connections, including those dialled by the edge; the listener stays. */
  async hangUp(): Promise<void> {
    const all = [...this.accepted.splice(0), ...(this.#own ? [this.#own] : [])];
    this.#own = undefined;
    await Promise.all(all.map((connection) => connection.close()));
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    const closed = once(this.#server, "close");
    this.#server.close();
    await this.hangUp();
    await closed;
  }

  async #dial(): Promise<TcpConnection> {
    if (!this.#own?.isOpen) {
      const split: Splitter = (text) => this.split?.(text) ?? [text];
      this.#own = await TcpConnection.open(this.#target, this.#receive, { split, localHost: this.#host });
    }
    return this.#own;
  }
}
