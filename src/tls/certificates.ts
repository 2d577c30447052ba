/** The certificate and key files: read at the start, on SIGHUP and when one of them changes. With a bad file the previous ones stay in force. */
import { X509Certificate, createPrivateKey, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { messageOf } from "../base/message-of.js";
import type { Config } from "../config/config.js";
import { isSecure, showListener } from "../config/listener.js";
import { table } from "../config/table.js";
import type { TlsMaterial } from "../native/shard-settings.js";
import type { Log } from "../observe/log.js";

const POLL_MS = 1_000;
const DAY_MS = 86_400_000;
const WARNING_DAYS = 14;
// Name, HMAC key and cipher key of session tickets, as OpenSSL takes them.
const TICKET_KEY_OCTETS = 80;
// Whoever learns a ticket key can decrypt the sessions of its time (RFC 5077 5.5), so none is used for long.
const TICKET_KEY_MS = DAY_MS / 2;
const TICKET_KEY_LOOK_MS = 60_000;

export interface CertificateView {
  /** Where it was read from. */
  readonly file: string;
  readonly names: readonly string[];
  readonly issuer: string;
  /** ISO 8601. */
  readonly notAfter: string;
  readonly daysLeft: number;
}

/** Of session tickets. */
export interface TicketKey {
  /** In base64. */
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export class Certificates {
  #config: Config;
  readonly #log: Log;
  #ticketKey: Uint8Array = randomBytes(TICKET_KEY_OCTETS);
  #ticketKeySince = Date.now();
  #material: TlsMaterial;
  #expiry: Date | undefined;
  #stamp = "";
  #onChange: (material: TlsMaterial) => void = () => undefined;
  #timers: NodeJS.Timeout[] = [];

  private constructor(config: Config, log: Log, tickets: TicketKey | undefined) {
    this.#config = config;
    this.#log = log;
    const age = tickets === undefined ? Infinity : Date.now() - tickets.since;
    const inherited = Buffer.from(tickets?.key ?? "", "base64");
    if (tickets !== undefined && age >= 0 && age < TICKET_KEY_MS && inherited.length === TICKET_KEY_OCTETS) {
      this.#ticketKey = inherited;
      this.#ticketKeySince = tickets.since;
    }
    this.#stamp = stampOfFiles(config);
    this.#material = this.#read(config);
    this.#expiry = expiryOf(this.#material);
    this.#warnOfExpiry();
    this.#warnOfNames();
  }

  /** `tickets`: of the process before. Undefined if nothing uses TLS. Throws one line that names the variable when a file is bad. */
  static of(config: Config, log: Log, tickets?: TicketKey): Certificates | undefined {
    const listens = [...config.listen, ...(config.coreListen ?? [])].some(({ transport }) => isSecure(transport));
    // Path and Request-URI decide which neighbours a home proxy talks to, so they are not known beforehand.
    const dials = config.mode !== "edge" || config.upstream.some(({ scheme, transport }) => scheme === "sips" || transport === "tls");
    return listens || dials ? new Certificates(config, log, tickets) : undefined;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** For the process that replaces this one. */
  get tickets(): TicketKey {
    return { key: Buffer.from(this.#ticketKey).toString("base64"), since: this.#ticketKeySince };
  }

  /** What is in force, for the operator. */
  views(): readonly CertificateView[] {
    return this.#material.pairs.map(({ certificate }, index) => {
      const { subjectAltName, subject, issuer, validTo } = new X509Certificate(certificate);
      const ends = new Date(validTo);
      return {
        file: this.#config.tlsCert?.[index] ?? "",
        names: (subjectAltName ?? subject).split(", "),
        issuer: issuer.replaceAll("\n", ", "),
        notAfter: ends.toISOString(),
        daysLeft: Math.floor((ends.getTime() - Date.now()) / DAY_MS),
      };
    });
  }

  watch(onChange: (material: TlsMaterial) => void): void {
    this.#onChange = onChange;
    // By polling: a watcher would follow the old file when a new one is renamed or linked into its place.
    const poll = setInterval(() => stampOfFiles(this.#config) !== this.#stamp && this.reload(), POLL_MS);
    this.#timers = [poll, setInterval(() => this.#warnOfExpiry(), DAY_MS), setInterval(() => this.#renewOldTicketKey(), TICKET_KEY_LOOK_MS)];
    for (const timer of this.#timers) timer.unref();
  }

  /** Reads the files again; if one is bad or unreadable, the previous ones stay in force. */
  reload(): void {
    this.#stamp = stampOfFiles(this.#config);
    this.prepare(this.#config, (reason) => this.#log.error({ reason }, "new certificates rejected, keeping the previous ones"))?.();
  }

  /** Reads the files that a configuration names; calling the result puts them in force. Undefined: `onFault` was called with the reason. */
  prepare(config: Config, onFault: (reason: string) => void): (() => void) | undefined {
    // Before the files are read: one that changes before they are in force is read again.
    const stamp = stampOfFiles(config);
    try {
      const material = this.#read(config);
      return () => this.#use(config, material, stamp);
    } catch (error) {
      onFault(messageOf(error));
      return undefined;
    }
  }

  #use(config: Config, material: TlsMaterial, stamp: string): void {
    this.#config = config;
    this.#stamp = stamp;
    // Reading a hundred authorities takes a shard long, so it does that only when something changed.
    if (isDeepStrictEqual(material, this.#material)) return;
    this.#material = material;
    this.#expiry = expiryOf(material);
    this.#onChange(material);
    this.#warnOfNames();
    this.#log.info({ certificates: material.pairs.length, expiry: this.#expiry?.toISOString() }, "certificates reloaded");
    this.#warnOfExpiry();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #read({ tlsCert = [], tlsKey = [], tlsCa, tlsClientCert, tlsRecords }: Config): TlsMaterial {
    // An edge without TLS does not load it.
    const { createSecureContext, rootCertificates } = process.getBuiltinModule("node:tls");
    const authorities = tlsCa === undefined ? rootCertificates.join("\n") : readText(table.tlsCa.name, tlsCa);
    check(table.tlsCa.name, tlsCa ?? "", () => new X509Certificate(authorities));
    const pairs = tlsCert.map((file, index) => {
      const certificate = readText(table.tlsCert.name, file);
      const key = readText(table.tlsKey.name, tlsKey[index] ?? "");
      // A file that is being written may be empty, which a context takes for none.
      check(table.tlsCert.name, file, () => new X509Certificate(certificate));
      check(table.tlsKey.name, tlsKey[index] ?? "", () => createPrivateKey(key));
      check(table.tlsCert.name, file, () => createSecureContext({ cert: certificate, key }));
      return { certificate, key };
    });
    return { pairs, authorities, clientCertificate: tlsClientCert, ownRecords: tlsRecords === "own", ticketKey: this.#ticketKey };
  }

  /** Tickets of the oldest key no longer resume: their clients make one full handshake. */
  #renewOldTicketKey(): void {
    if (Date.now() - this.#ticketKeySince < TICKET_KEY_MS) return;
    this.#ticketKey = randomBytes(TICKET_KEY_OCTETS);
    this.#ticketKeySince = Date.now();
    this.#material = { ...this.#material, ticketKey: this.#ticketKey };
    this.#onChange(this.#material);
  }

  #warnOfNames(): void {
    const certificates = this.#material.pairs.map(({ certificate }) => new X509Certificate(certificate));
    const secure = this.#config.listen.filter(({ transport }) => isSecure(transport));
    for (const listener of secure) {
      const name = listener.advertise?.host ?? listener.host;
      if (!hasName(certificates, name)) this.#log.warn({ listener: showListener(listener), name }, "no certificate covers the name that this listener advertises: clients may refuse to use their flow for it");
    }
  }

  #warnOfExpiry(): void {
    if (this.#expiry === undefined) return;
    const days = (this.#expiry.getTime() - Date.now()) / DAY_MS;
    if (days < WARNING_DAYS) this.#log.warn({ expiry: this.#expiry.toISOString() }, days > 0 ? "a certificate is about to expire" : "a certificate has expired");
  }
}

/** Differs once a file has changed. */
function stampOfFiles({ tlsCert = [], tlsKey = [], tlsCa }: Config): string {
  const files = [...tlsCert, ...tlsKey, ...(tlsCa === undefined ? [] : [tlsCa])];
  return files
    .map((file) => {
      try {
        const { ino, size, mtimeMs } = statSync(file);
        return `${ino} ${size} ${mtimeMs}`;
      } catch (error) {
        // Whatever the reason, a missing permission or a failing disk: the previous ones stay in force, and reload() reports it once.
        return error instanceof Error && "code" in error ? String(error.code) : "unreadable";
      }
    })
    .join(", ");
}

/** When the first of them expires. */
function expiryOf({ pairs }: TlsMaterial): Date | undefined {
  const ends = pairs.map(({ certificate }) => Date.parse(new X509Certificate(certificate).validTo));
  return ends.length === 0 ? undefined : new Date(Math.min(...ends));
}

/** RFC 5626 4.3: a client uses its flow for a Record-Route of ours only when the certificate that it saw has that name. */
function hasName(certificates: readonly X509Certificate[], name: string): boolean {
  return certificates.some((certificate) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined);
}

function readText(variable: string, file: string): string {
  return check(variable, file, () => readFileSync(file, "utf8"));
}

function check<T>(variable: string, file: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new Error(`${variable}: expected a valid PEM file: ${file}: ${reason}`, { cause: error });
  }
}
