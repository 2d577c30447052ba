/** One UDP socket that talks to several servers, which so see the same client. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { hostPort } from "./ports.js";
import type { Incoming, Wire } from "./wire.js";

export type Line = Pick<Wire, "at" | "transport" | "send" | "close">;

export class SharedSocket {
  readonly #socket: Socket;
  /** By the server's host:port. */
  readonly #receivers = new Map<string, (incoming: Incoming) => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (bytes, from) => {
      const at = hostPort(from.address, from.port);
      this.#receivers.get(at)?.({ text: bytes.toString("latin1"), from: at, transport: "udp", answer: (text) => this.#send(text, from.address, from.port) });
    });
  }

  static async bind(host: string): Promise<SharedSocket> {
    const socket = createSocket("udp4");
    socket.bind(0, host);
    await once(socket, "listening");
    return new SharedSocket(socket);
  }

  get at(): string {
    const { address, port } = this.#socket.address();
    return hostPort(address, port);
  }

  /** Closing any of its lines closes it. */
  line(host: string, port: number, receive: (incoming: Incoming) => void): Line {
    this.#receivers.set(hostPort(host, port), receive);
    return { at: this.at, transport: "udp", send: (text) => this.#send(text, host, port), close: () => this.#close() };
  }

  #close(): Promise<void> {
    if (this.#receivers.size === 0) return Promise.resolve();
    this.#receivers.clear();
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #send(text: string, host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(Buffer.from(text, "latin1"), port, host, (error) => (error ? reject(error) : resolve()));
    });
  }
}
