/** Very many phones at a server, each with a socket, a registration and a flow of its own. They only register. */
import { type Socket, createSocket } from "node:dgram";
import { once } from "node:events";
import { newBranch } from "./sip-text.js";

/** Waiting for an answer at once. */
const AT_ONCE = 64;
const AGAIN_MS = 2_000;

export class ManyPhones {
  readonly #sockets: Socket[] = [];

  /** `prefix`: user names are prefix0 and so on. Each time they have other Contacts, of which a registrar takes only so many for a user. */
  async register(count: number, port: number, prefix = "user"): Promise<void> {
    let next = 0;
    const one = async (): Promise<void> => {
      for (let number = next++; number < count; number = next++) await this.#register(`${prefix}${number}`, port);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
  }

  async close(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  async #register(user: string, port: number): Promise<void> {
    const socket = createSocket("udp4");
    this.#sockets.push(socket);
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const at = `127.0.0.1:${socket.address().port}`;
    const aor = `sip:${user}@example.com`;
    // Behind a NAT, as most are: a Contact on its own host might be dialled, so it takes the object path, of which a source gets a share only.
    const text = `REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP ${at};branch=${newBranch()};rport\r\nMax-Forwards: 70\r\nFrom: <${aor}>;tag=${user}\r\nTo: <${aor}>\r\nCall-ID: ${user}@crowd\r\nCSeq: 1 REGISTER\r\nContact: <sip:${user}@192.0.2.1:${socket.address().port}>;expires=3600\r\nContent-Length: 0\r\n\r\n`;
    const answered = once(socket, "message");
    const send = (): void => socket.send(text, port, "127.0.0.1");
    // A datagram may be lost (RFC 3261 17.1.2.2).
    const again = setInterval(send, AGAIN_MS);
    socket.once("close", () => clearInterval(again));
    send();
    const [octets] = (await answered) as [Buffer];
    clearInterval(again);
    const [line] = octets.toString("latin1").split("\r\n");
    if (line !== "SIP/2.0 200 OK") throw new Error(`${user} is refused: ${line ?? ""}`);
  }
}
