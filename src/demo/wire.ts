/** A tapped wire between edge and registrar: to each, this socket is the other. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";

export type OnMessage = (fromEdge: boolean, text: string) => void;

export class DemoWire {
  readonly #socket: Socket;
  readonly #edgePort: number;

  private constructor(socket: Socket, edgePort: number, registrarPort: number, onMessage: OnMessage) {
    this.#socket = socket;
    this.#edgePort = edgePort;
    socket.on("message", (octets, { port }) => {
      const fromEdge = port === this.#edgePort;
      const text = octets.toString("latin1");
      // The edge probes its upstream now and then: not part of the scene.
      if (!/^CSeq: *\d+ OPTIONS/im.test(text)) onMessage(fromEdge, text);
      socket.send(octets, fromEdge ? registrarPort : edgePort, "127.0.0.1");
    });
  }

  static async open(edgePort: number, registrarPort: number, onMessage: OnMessage): Promise<DemoWire> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new DemoWire(socket, edgePort, registrarPort, onMessage);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    this.#socket.close();
  }
}
