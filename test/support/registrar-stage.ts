/** A registrar with a real store, and REGISTERs for it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Authenticator } from "../../src/auth/authenticator.js";
import { NativeStore } from "../../src/location/native-store.js";
import { Gruus } from "../../src/registrar/gruu.js";
import { Registrar } from "../../src/registrar/registrar.js";
import type { RegistrarOptions } from "../../src/registrar/registrar-options.js";
import type { RequestSource } from "../../src/registrar/request-source.js";
import { Domains } from "../../src/sip/domains.js";
import { SipMessage } from "../../src/sip/message.js";
import type { ResponseSpec } from "../../src/sip/response-spec.js";

export const OPTIONS: RegistrarOptions = {
  domains: new Domains([{ name: "example.org" }]),
  authenticator: undefined,
  minExpires: 60,
  maxExpires: 7_200,
  defaultExpires: 3_600,
  expiresJitterPercent: 0,
  maxContacts: 10,
  maxFlows: 4,
  obPathCheck: "last",
  pathMode: "strict",
  outbound: "auto",
  flowTimer: 0,
};

/** A device connected directly to us. */
export const DIRECT: RequestSource = {
  address: "192.0.2.1",
  port: 5_060,
  transport: "tcp",
  isEdge: false,
  isThisHost: false,
  flow: "1/1",
  flowIsOutboundCapable: true,
  firstHop: true,
};

/** A trusted edge that forwards a device's REGISTER. */
export const EDGE: RequestSource = { address: "10.0.0.1", port: 5_060, transport: "udp", isEdge: true, isThisHost: false, flowIsOutboundCapable: false, firstHop: false };

export const SECRET = new Uint8Array(32).fill(7);

/** A request from lines that end with `\n`. */
export function sipMessage(text: string): SipMessage {
  return new SipMessage(Buffer.from(`${text.trim().replaceAll("\n", "\r\n")}\r\n\r\n`, "latin1"));
}

let nextCSeq = 1;

/** A REGISTER from bob with further header lines; given lines replace the default ones. */
export function registerMessage(lines: string, uri = "sip:example.org"): SipMessage {
  const given = lines.trim();
  const defaults = [
    ["Via", "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx"],
    ["From", "<sip:bob@example.org>;tag=1"],
    ["To", "<sip:bob@example.org>"],
    ["Call-ID", "call-1"],
    ["CSeq", `${(nextCSeq += 1)} REGISTER`],
  ] as const;
  const missing = defaults.filter(([name]) => !new RegExp(`^${name}:`, "im").test(given)).map(([name, value]) => `${name}: ${value}`);
  return sipMessage([`REGISTER ${uri} SIP/2.0`, ...missing, given].join("\n"));
}

export interface Answer extends ResponseSpec {
  /** The values of a header, in order. */
  all(name: string): readonly string[];
}

export interface RegistrarStage {
  readonly store: NativeStore;
  readonly gruus: Gruus;
  readonly errors: readonly unknown[];
  register(lines: string, from?: RequestSource, uri?: string): Promise<Answer>;
  /** The URIs that a query returns. */
  contacts(from?: RequestSource): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function registrarStage(differences: Partial<RegistrarOptions> = {}, authenticator?: Authenticator): Promise<RegistrarStage> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-registrar-"));
  const store = await NativeStore.open(folder);
  const gruus = new Gruus(SECRET);
  const errors: unknown[] = [];
  const registrar = new Registrar({ store, gruus, report: (error) => errors.push(error) }, { ...OPTIONS, authenticator, ...differences });
  const register = async (lines: string, from = DIRECT, uri = "sip:example.org"): Promise<Answer> => {
    const response = await registrar.handle(registerMessage(lines, uri), from);
    return { ...response, all: (name) => response.headers.filter(([key]) => key === name).map(([, value]) => value) };
  };
  const contacts = async (from = DIRECT): Promise<readonly string[]> =>
    (await register("", from)).all("Contact").map((value) => value.slice(1, value.indexOf(">"))).sort();
  const close = async (): Promise<void> => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { store, gruus, errors, register, contacts, close };
}
