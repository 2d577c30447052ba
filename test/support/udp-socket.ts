/** A UDP socket of a test party, aimed at one port of the edge. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import type { Incoming, Wire } from "./wire.js";
import { hostPort } from "./ports.js";

/**
 * By server: the ports from which it has heard us. A server that several tests share still knows who registered from one, so the kernel
 * must not give it to the client of another test.
 */
const heard = new Map<string, Set<number>>();

export class UdpSocket implements Wire {
  readonly transport = "udp";
  readonly at: string;
  readonly port: number;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #target: { readonly host: string; readonly port: number };
  #open = true;

  private constructor(socket: Socket, target: { host: string; port: number }) {
    const { address, port } = socket.address();
    this.at = hostPort(address, port);
    this.port = port;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    this.#socket = socket;
    this.#target = target;
  }

  static async open(
    target: { host: string; port: number },
    receive: (incoming: Incoming) => void,
    options: { readonly localPort?: number; readonly localHost?: string } = {},
  ): Promise<UdpSocket> {
    const server = hostPort(target.host, target.port);
    const ports = heard.get(server) ?? new Set();
    heard.set(server, ports);
    const { localPort = 0, localHost = target.host } = options;
    let socket = await bind(localHost, localPort);
    while (localPort === 0 && ports.has(socket.address().port)) {
      socket.close();
      socket = await bind(localHost, 0);
    }
    ports.add(socket.address().port);
    const udp = new UdpSocket(socket, target);
    socket.on("message", (bytes, from) => {
      const answer = (text: string): Promise<void> => udp.#sendTo(text, from.address, from.port);
      receive({ text: bytes.toString("latin1"), from: hostPort(from.address, from.port), transport: "udp", answer });
    });
    return udp;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  send(text: string): Promise<void> {
    return this.#sendTo(text, this.#target.host, this.#target.port);
  }

  close(): Promise<void> {
    if (!this.#open) return Promise.resolve();
    this.#open = false;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #sendTo(text: string, host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.send(Buffer.from(text, "latin1"), port, host, (error) => (error ? reject(error) : resolve()));
    });
  }
}

async function bind(host: string, port: number): Promise<Socket> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.bind(port, host);
  await once(socket, "listening");
  return socket;
}
