/** Debian's HAProxy as the balancer in front of an edge: TCP, with a PROXY header of version 2. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { Program } from "./program.js";
import { peerPath } from "./peers.js";

const HOST = "127.0.0.1";

export class Haproxy {
  readonly port: number;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(port: number, backend: string) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-haproxy-"));
    const file = join(this.#folder, "haproxy.cfg");
    writeFileSync(file, configuration(port, backend));
    this.#program = new Program("haproxy", peerPath("haproxy"), ["-db", "-f", file], this.#folder);
  }

  static async start(backend: string): Promise<Haproxy> {
    const haproxy = new Haproxy(await freePort(HOST), backend);
    try {
      await haproxy.#program.until("its port", () => haproxy.#answers(), PATIENCE);
    } catch (error) {
      await haproxy.stop();
      throw error;
    }
    return haproxy;
  }

  async stop(): Promise<void> {
    await this.#program.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #answers(): Promise<true | undefined> {
    return new Promise((resolve) => {
      const socket = connect(this.port, HOST);
      socket.once("connect", () => resolve(true)).once("error", () => resolve(undefined));
      socket.once("connect", () => socket.destroy());
    });
  }
}

function configuration(port: number, backend: string): string {
  return `
global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen sip
  bind ${HOST}:${port}
  server edge ${backend} send-proxy-v2
`;
}
