/** A UDP socket for thousands of requests at once: each response is matched by branch, and incoming requests are answered by a rule. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { PATIENCE } from "./mailbox.js";
import { hostPort } from "./ports.js";
import { SipMessage } from "./sip-message.js";
import { type Sender, complete } from "./sip-text.js";

const BUFFER = 8 << 20;
/** Like timer E, so that a datagram dropped by a full buffer costs a moment, not the test. */
const AGAIN_MS = 500;

export class Asker implements Sender {
  readonly transport = "udp";
  readonly name = "asker";
  readonly at: string;
  readonly scene: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, (response: SipMessage) => void>();
  /** Writes the answer to a request; undefined: none. */
  onRequest: (request: SipMessage) => string | undefined = () => undefined;

  private constructor(socket: Socket, scene: string) {
    this.#socket = socket;
    this.scene = scene;
    const { address, port } = socket.address();
    this.at = hostPort(address, port);
    socket.on("message", (octets, from) => {
      const message = new SipMessage(octets.toString("latin1"));
      if (!message.isResponse) {
        const answer = this.onRequest(message);
        if (answer !== undefined) socket.send(Buffer.from(answer, "latin1"), from.port, from.address);
      } else if (message.status >= 200) this.#waiting.get(branchOf(message))?.(message);
    });
  }

  static async open(scene: string, host = "127.0.0.1"): Promise<Asker> {
    const socket = createSocket({ type: "udp4", recvBufferSize: BUFFER, sendBufferSize: BUFFER });
    socket.bind(0, host);
    await once(socket, "listening");
    return new Asker(socket, scene);
  }

  /** The final response; undefined if none comes within `patience` ms. */
  async ask(text: string, port: number, patience = PATIENCE): Promise<SipMessage | undefined> {
    const request = complete(text, this);
    const octets = Buffer.from(request, "latin1");
    const branch = branchOf(new SipMessage(request));
    const send = (): void => this.#socket.send(octets, port, "127.0.0.1");
    const again = setInterval(send, AGAIN_MS);
    const late = { timer: undefined as NodeJS.Timeout | undefined };
    try {
      return await new Promise((resolve) => {
        this.#waiting.set(branch, resolve);
        late.timer = setTimeout(() => resolve(undefined), patience);
        send();
      });
    } finally {
      clearInterval(again);
      clearTimeout(late.timer);
      this.#waiting.delete(branch);
    }
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}

function branchOf(message: SipMessage): string {
  return /;branch=([^;,\s]+)/.exec(message.header("Via"))?.[1] ?? "";
}

/** Calls `step` with 0 … count - 1, `atOnce` at a time. */
export async function manyTimes(count: number, atOnce: number, step: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await step(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
