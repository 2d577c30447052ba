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

  private constructor(port: number, text: (pem: string) => string, certificate?: CertificateFiles) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-haproxy-"));
    const file = join(this.#folder, "haproxy.cfg");
    const pem = join(this.#folder, "both.pem");
    if (certificate) writeFileSync(pem, readFileSync(certificate.certificate, "utf8") + readFileSync(certificate.key, "utf8"));
    writeFileSync(file, text(pem));
    this.#program = new Program("haproxy", peerPath("haproxy"), ["-db", "-f", file], this.#folder);
  }

  static async start(backend: string, { port = 0, certificate }: Balancer = {}): Promise<Haproxy> {
    const own = port === 0 ? await freePort(HOST) : port;
    const one = (bind: string, options: string): string => `${DEFAULTS}${front("sip", bind, [`${backend} ${options}`])}`;
    return new Haproxy(own, (pem) => (certificate ? one(`${own} ssl crt ${pem}`, "send-proxy-v2-ssl") : one(String(own), "send-proxy-v2")), certificate).#up();
  }

  /** In front of several edges: their client sides, which it tells the phones' addresses, and their core sides. One that refuses connections gets no more. */
  static async spread(clients: { readonly port: number; readonly edges: readonly string[] }, cores: { readonly port: number; readonly edges: readonly string[] }): Promise<Haproxy> {
    const check = "check inter 100ms fall 1 rise 1";
    const text = `${DEFAULTS}${front("phones", String(clients.port), clients.edges.map((edge) => `${edge} send-proxy-v2 ${check}`))}${front("core", String(cores.port), cores.edges.map((edge) => `${edge} ${check}`))}`;
    return new Haproxy(clients.port, () => text).#up();
  }

  async #up(): Promise<this> {
    try {
      await this.#program.until("its port", () => this.#answers(), PATIENCE);
    } catch (error) {
      await this.stop();
      throw error;
    }
    return this;
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

const DEFAULTS = `
global
  maxconn 400
defaults
  mode tcp
  balance roundrobin
  option redispatch
  retries 2
  timeout connect 5s
  timeout client 60s
  timeout server 60s
`;

function front(name: string, bind: string, servers: readonly string[]): string {
  return `listen ${name}
  bind ${HOST}:${bind}
${servers.map((server, at) => `  server edge${at + 1} ${server}`).join("\n")}
`;
}
