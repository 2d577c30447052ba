/** Debian's HAProxy as the balancer in front of an edge: TCP, with a PROXY header of version 2. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateFiles } from "../../support/certificates.js";
import { PATIENCE } from "../../support/mailbox.js";
import { freePort } from "../../support/ports.js";
import { Program } from "./program.js";
import { peerPath } from "../../support/peers.js";

const HOST = "127.0.0.1";

export interface Balancer {
  readonly port?: number;
  /** It terminates TLS with this certificate. */
  readonly certificate?: CertificateFiles;
}

export class Haproxy {
  readonly port: number;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(port: number, backend: string, certificate: CertificateFiles | undefined) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-haproxy-"));
    const file = join(this.#folder, "haproxy.cfg");
    const pem = join(this.#folder, "both.pem");
    if (certificate) writeFileSync(pem, readFileSync(certificate.certificate, "utf8") + readFileSync(certificate.key, "utf8"));
    writeFileSync(file, certificate ? configuration(`${port} ssl crt ${pem}`, `${backend} send-proxy-v2-ssl`) : configuration(String(port), `${backend} send-proxy-v2`));
    this.#program = new Program("haproxy", peerPath("haproxy"), ["-db", "-f", file], this.#folder);
  }

  static async start(backend: string, { port, certificate }: Balancer = {}): Promise<Haproxy> {
    const haproxy = new Haproxy(port ?? (await freePort(HOST)), backend, certificate);
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

function configuration(bind: string, server: string): string {
  return `
global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen sip
  bind ${HOST}:${bind}
  server edge ${server}
`;
}
