/** A plain or TLS socket that shows octets as they arrive, for peers that misbehave. */
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { PATIENCE } from "./mailbox.js";
import { readAnswer, upgradeRequest } from "./upgrade.js";
import { type Frame, Opcode, WebSocketFramer } from "./websocket-framer.js";

export class RawSocket {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #octets = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    void this.closed.then(() => this.#wake());
  }

  static async open(at: string, secure?: ConnectionOptions): Promise<RawSocket> {
    const { hostname, port } = new URL(`tcp://${at}`);
    const target = { host: hostname.replace(/[[\]]/g, ""), port: Number(port) };
    const socket = secure === undefined ? connect(target) : connectTls({ ...target, rejectUnauthorized: false, ...secure });
    await once(socket, secure === undefined ? "connect" : "secureConnect");
    return new RawSocket(socket);
  }

  write(octets: Buffer | string): void {
    this.socket.write(typeof octets === "string" ? Buffer.from(octets, "latin1") : octets);
  }

  /** Reads until `enough` accepts everything received from here on; throws if that does not happen. */
  async until(enough: (octets: Buffer) => boolean, timeout = PATIENCE): Promise<Buffer> {
    this.#listen();
    const deadline = Date.now() + timeout;
    while (!enough(this.#octets)) {
      const left = deadline - Date.now();
      if (left <= 0 || this.socket.destroyed) throw new Error(`waited in vain, and had: ${JSON.stringify(this.#octets.toString("latin1").slice(-500))}`);
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), sleep(left, undefined, { ref: false })]);
    }
    return this.#octets;
  }

  /** The status of the response to a handshake. */
  async handshake(request = upgradeRequest("edge.example.org")): Promise<{ readonly status: number; readonly answer: string }> {
    this.write(request);
    const answer = await readAnswer(this.socket);
    return { status: Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]), answer };
  }

  /** The next frame that has not been taken yet. */
  async frame(timeout = PATIENCE): Promise<Frame> {
    let found: Frame | undefined;
    await this.until((octets) => {
      const framer = new WebSocketFramer();
      framer.push(octets);
      found = framer.frames[this.#framesTaken];
      return found !== undefined;
    }, timeout);
    this.#framesTaken += 1;
    if (found === undefined) throw new Error("no frame");
    return found;
  }

  /** The code of a close frame, which must come next, followed by the end of the connection. */
  async closeCode(): Promise<number> {
    const { opcode, payload } = await this.frame();
    if (opcode !== Opcode.close) throw new Error(`a close frame was expected and opcode ${opcode} came: ${payload.toString("latin1")}`);
    await this.expectClosed();
    return payload.readUInt16BE(0);
  }

  async expectClosed(timeout = PATIENCE): Promise<void> {
    this.#listen();
    const deadline = sleep(timeout, "open", { ref: false });
    if ((await Promise.race([this.closed, deadline])) === "open") throw new Error(`not closed within ${timeout} ms`);
  }

  end(): void {
    this.socket.destroy();
  }

  #framesTaken = 0;
  #listens = false;

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.socket.on("data", (bytes: Buffer) => {
      this.#octets = Buffer.concat([this.#octets, bytes]);
      this.#wake();
    });
  }
}
