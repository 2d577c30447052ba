/** The core's end over TLS: accepts the connections that the edge dials, with the given certificate. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type Server, type TLSSocket, type TlsOptions, createServer } from "node:tls";
import { TcpConnection } from "./tcp-connection.js";
import type { Incoming } from "./wire.js";

export class CoreTls {
  readonly accepted: TcpConnection[] = [];
  /** The SNI name of each connection; false: none. */
  readonly names: (string | false | null)[] = [];
  readonly faults: string[] = [];
  readonly #server: Server;

  private constructor(server: Server, receive: (incoming: Incoming) => void) {
    this.#server = server;
    server.on("secureConnection", (socket: TLSSocket) => {
      this.names.push(socket.servername);
      this.accepted.push(new TcpConnection(socket, receive, undefined, "tls"));
    });
    server.on("tlsClientError", (error) => this.faults.push(error.message));
  }

  static async open(options: TlsOptions, receive: (incoming: Incoming) => void): Promise<CoreTls> {
    const server = createServer(options);
    const core = new CoreTls(server, receive);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return core;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.close();
    await Promise.all(this.accepted.map((connection) => connection.close()));
  }
}
