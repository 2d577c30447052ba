/** The tests' own certificate authority and the certificates it issues, made by openssl in a folder that is deleted afterwards. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atEnd } from "./at-end.js";

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-ca-"));
  /** The PEM file of the authority itself. */
  readonly file = join(this.folder, "ca.pem");
  #count = 0;

  constructor() {
    atEnd(() => rmSync(this.folder, { recursive: true, force: true }));
    const subject = ["-subj", "/CN=Sluice test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    openssl("req", "-x509", ...EC, "-nodes", "-keyout", join(this.folder, "ca.key"), "-out", this.file, "-days", "30", ...subject);
  }

  get pem(): string {
    return readFileSync(this.file, "utf8");
  }

  /** `names` in subjectAltName notation: `DNS:edge.example.org`, `IP:127.0.0.1`, `URI:sip:example.org`. */
  issue(names: readonly string[], { days = 30, commonName = "sluice" }: { readonly days?: number; readonly commonName?: string } = {}): CertificateFiles {
    this.#count += 1;
    const at = (ending: string): string => join(this.folder, `${this.#count}.${ending}`);
    openssl("req", "-new", ...EC, "-nodes", "-keyout", at("key"), "-out", at("csr"), "-subj", `/CN=${commonName}`);
    const extensions = names.length === 0 ? "basicConstraints=CA:FALSE\n" : `basicConstraints=CA:FALSE\nsubjectAltName=${names.join(",")}\n`;
    writeFileSync(at("ext"), extensions);
    openssl("x509", "-req", "-in", at("csr"), "-CA", this.file, "-CAkey", join(this.folder, "ca.key"), "-out", at("pem"), "-days", String(days), "-extfile", at("ext"));
    return { certificate: at("pem"), key: at("key") };
  }
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

let shared: { readonly authority: Authority; readonly edge: CertificateFiles } | undefined;

/** An authority for a test file, and a certificate from it for an edge on the loopback. */
export function testCertificates(): { readonly authority: Authority; readonly edge: CertificateFiles } {
  if (shared === undefined) {
    const authority = new Authority();
    shared = { authority, edge: authority.issue(["DNS:localhost", "DNS:edge.example.org", "IP:127.0.0.1", "IP:::1"]) };
  }
  return shared;
}

/** The settings that an edge with a secure listener needs. */
export function tlsSettings(): Record<string, string> {
  const { authority, edge } = testCertificates();
  return { SLUICE_TLS_CERT: edge.certificate, SLUICE_TLS_KEY: edge.key, SLUICE_TLS_CA: authority.file };
}

function openssl(...args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
