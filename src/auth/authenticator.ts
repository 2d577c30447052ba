/** Who sent a request: digest authentication of SIP (RFC 3261 22, RFC 7616, RFC 8760). */
import { quote } from "../sip/quoted-string.js";
import type { SipMessage } from "../sip/message.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import { type SipUri, parseUri } from "../sip/uri.js";
import { CredentialsUnavailable, type CredentialStore } from "./credential-store.js";
import { type DigestCredentials, readCredentials } from "./credentials.js";
import { type DigestAlgorithm, HEX_DIGITS, provesHa1 } from "./digest.js";
import { isAddressOf, userNames } from "./identity.js";
import { NonceCounts } from "./nonce-counts.js";
import { Nonces } from "./nonces.js";

/** As a registrar 401 with WWW-Authenticate; as a proxy 407 with Proxy-Authenticate (RFC 3261 22.2 and 22.3). */
export type AuthenticationRole = "registrar" | "proxy";

export type AuthenticationResult =
  | { readonly ok: true; readonly user: string; readonly realm: string }
  | { readonly ok: false; readonly response: ResponseSpec };

export interface AuthenticatorOptions {
  /** At least one; the first is the realm. */
  readonly domains: readonly string[];
  /** In the order in which they are offered. */
  readonly algorithms: readonly DigestAlgorithm[];
  readonly nonceSeconds: number;
  readonly secret: Uint8Array;
  /** Told when the credential store cannot be asked. */
  readonly report: (error: unknown) => void;
}

const ROLES = {
  registrar: { status: 401, reason: "Unauthorized", credentials: "authorization", challenge: "WWW-Authenticate" },
  proxy: { status: 407, reason: "Proxy Authentication Required", credentials: "proxy-authorization", challenge: "Proxy-Authenticate" },
} as const;

/** Stands in for the hash of a user whom nobody knows, so that refusing him takes as long. */
const NOBODY = { "SHA-256": "0".repeat(HEX_DIGITS["SHA-256"]), MD5: "0".repeat(HEX_DIGITS.MD5) };
const RETRY_AFTER = { least: 5, span: 10 };

export class Authenticator {
  readonly #store: CredentialStore;
  readonly #options: AuthenticatorOptions;
  readonly #realm: string;
  readonly #nonces: Nonces;
  readonly #counts = new NonceCounts();

  constructor(store: CredentialStore, options: AuthenticatorOptions) {
    this.#store = store;
    this.#options = options;
    this.#realm = options.domains[0] ?? "sluice";
    this.#nonces = new Nonces(options.secret, this.#realm, options.nonceSeconds);
  }

  /**
   * Whether that address of ours is a user's: a call to one who does not exist is 404, to one without
   * bindings 480 (RFC 3261 16.5). True when the store cannot tell, for 404 would be final.
   */
  async knows(address: SipUri): Promise<boolean> {
    try {
      for (const name of userNames(address)) {
        if ((await this.#store.knows?.(name, this.#realm)) ?? true) return true;
      }
      return false;
    } catch (error) {
      if (!(error instanceof CredentialsUnavailable)) throw error;
      this.#options.report(error);
      return true;
    }
  }

  /**
   * Checks the credentials of a request of any method but ACK and CANCEL, which nobody may challenge (RFC 3261 22.1): the caller lets
   * those pass. The From must be the authenticated user's, and the To of a REGISTER as well (else 403). Never rejects: with the
   * credential store away the response is a 503.
   */
  async check(request: SipMessage, role: AuthenticationRole): Promise<AuthenticationResult> {
    const credentials = request
      .headers(ROLES[role].credentials)
      .map(readCredentials)
      .find((one) => one?.realm === this.#realm);
    const algorithm = this.#offered().find((name) => name === credentials?.algorithm);
    if (credentials === undefined || algorithm === undefined || !this.#isUsable(credentials, request)) return this.#challenge(role);
    // Before the store is asked: with made-up nonces nobody makes it work.
    if (!this.#nonces.isFresh(credentials.nonce)) return this.#challenge(role, true);
    try {
      const ha1 = (await this.#store.find(credentials.username, this.#realm))?.[algorithm];
      const proven = provesHa1(credentials, algorithm, ha1 ?? NOBODY[algorithm], request.method);
      if (!proven || ha1 === undefined) return this.#challenge(role);
    } catch (error) {
      this.#options.report(error);
      return error instanceof CredentialsUnavailable ? unavailable() : refused(500, "Server Internal Error");
    }
    return this.#admit(credentials, request, role);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #admit({ nonce, nc, qop, username }: DigestCredentials, request: SipMessage, role: AuthenticationRole): AuthenticationResult {
    // The old digest has no count, so its nonce is good for one request.
    const count = qop === undefined ? 1 : Number.parseInt(nc, 16);
    if (!this.#counts.use(`${nonce} ${username}`, count)) return this.#challenge(role, true);
    const { domains } = this.#options;
    const isAllowed = isAddressOf(request.header("from"), username, domains);
    const isThirdParty = request.method === "REGISTER" && !isAddressOf(request.header("to"), username, domains);
    if (!isAllowed || isThirdParty) return refused(403, "Not Your Address");
    return { ok: true, user: username, realm: this.#realm };
  }

  #isUsable({ qop, uri }: DigestCredentials, request: SipMessage): boolean {
    if (qop !== undefined && qop !== "auth") return false;
    // Proxies on the way may have changed the Request-URI, but not to another server's (RFC 3261 22.4 item 5).
    const [signed, now] = [parseUri(uri), parseUri(request.uri)];
    if (signed === undefined) return false;
    return signed.host === now?.host || this.#options.domains.includes(signed.host);
  }

  /** What every user has a hash for, so that nobody is offered what cannot work (RFC 8760 2.3). */
  #offered(): readonly DigestAlgorithm[] {
    const { algorithms } = this.#options;
    const common = this.#store.commonAlgorithms?.() ?? algorithms;
    const offered = algorithms.filter((algorithm) => common.includes(algorithm));
    return offered.length > 0 ? offered : algorithms;
  }

  /** A header line for each algorithm: some devices read the first line only, and choke on a list. */
  #challenge(role: AuthenticationRole, stale = false): AuthenticationResult {
    const { status, reason, challenge } = ROLES[role];
    const nonce = this.#nonces.make();
    const headers = this.#offered().map((algorithm) => {
      const value = `Digest realm=${quote(this.#realm)}, nonce="${nonce}", ${stale ? "stale=true, " : ""}algorithm=${algorithm}, qop="auth"`;
      return [challenge, value] as const;
    });
    return { ok: false, response: { status, reason, headers } };
  }
}

function refused(status: number, reason: string): AuthenticationResult {
  return { ok: false, response: { status, reason, headers: [] } };
}

function unavailable(): AuthenticationResult {
  const seconds = RETRY_AFTER.least + Math.floor(Math.random() * RETRY_AFTER.span);
  return { ok: false, response: { status: 503, headers: [["Retry-After", String(seconds)]] } };
}
