/** Who sent a request: digest authentication of SIP (RFC 3261 22, RFC 7616, RFC 8760). */
import { quote } from "../sip/quoted-string.js";
import type { Logins } from "../native/binding.js";
import type { Domains } from "../sip/domains.js";
import type { SipMessage } from "../sip/message.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import { retryAfter } from "../sip/retry-after.js";
import { type SipUri, parseUri } from "../sip/uri.js";
import { unescapeUri } from "../sip/uri-key.js";
import type { Claimant } from "./claimant.js";
import { CredentialsUnavailable, type CredentialStore, type Ha1List } from "./credential-store.js";
import { type DigestCredentials, readCredentials } from "./credentials.js";
import { type DigestAlgorithm, HEX_DIGITS, provesHa1 } from "./digest.js";
import { type Identity, isAddressOf, isAnonymous, telephoneNumber, uriOfHeader, userNames } from "./identity.js";

/** As a registrar 401 with WWW-Authenticate; as a proxy 407 with Proxy-Authenticate (RFC 3261 22.2 and 22.3). */
export type AuthenticationRole = "registrar" | "proxy";

export type AuthenticationResult =
  | { readonly ok: true; readonly user: string; readonly realm: string }
  | { readonly ok: false; readonly response: ResponseSpec };

export interface AuthenticatorOptions {
  readonly domains: Domains;
  /** In the order in which they are offered. */
  readonly algorithms: readonly DigestAlgorithm[];
  readonly nonceSeconds: number;
  /** One memory for all shards, so that no credentials count twice. */
  readonly logins: Logins;
  /** Called when the credential store cannot be queried. */
  readonly report: (error: unknown) => void;
  readonly onLogin: (login: Login) => void;
  /** Gets the HA1 of each user who has proved knowledge of the password. `keepMs`: as in `FoundUser`. */
  readonly onProven: (user: string, realm: string, ha1: string, keepMs: number) => void;
}

/** `password`: wrong, or no such user; `identity`: another user's address; `replay`: credentials used before. */
export type LoginResult = "accepted" | "password" | "identity" | "replay" | "limited";

/** The outcome of credentials for a nonce that we sent to the same network, so that clients cannot incriminate each other. */
export interface Login {
  readonly result: LoginResult;
  readonly source: string;
  /** As the client wrote it, untrusted. */
  readonly user: string;
  readonly realm: string;
}

const ROLES = {
  registrar: { status: 401, reason: "Unauthorized", credentials: "authorization", challenge: "WWW-Authenticate" },
  proxy: { status: 407, reason: "Proxy Authentication Required", credentials: "proxy-authorization", challenge: "Proxy-Authenticate" },
} as const;

/** Used as the hash of an unknown user, so that refusing one takes just as long. */
const NOBODY = { "SHA-256": "0".repeat(HEX_DIGITS["SHA-256"]), MD5: "0".repeat(HEX_DIGITS.MD5) };

export class Authenticator {
  readonly #store: CredentialStore;
  readonly #options: AuthenticatorOptions;
  #isClosed = false;

  constructor(store: CredentialStore, options: AuthenticatorOptions) {
    this.#store = store;
    this.#options = options;
  }

  /**
   * Whether one of our addresses belongs to a user: a call to a user who does not exist gets 404, to one without
   * bindings 480 (RFC 3261 16.5). True if the store cannot tell, since 404 would be final.
   */
  async knows(address: SipUri): Promise<boolean> {
    const realm = this.#options.domains.realmOf(address);
    if (realm === undefined) return false;
    try {
      for (const name of userNames(address, realm)) {
        if ((await this.#store.knows?.(name, realm)) ?? true) return true;
      }
      return false;
    } catch (error) {
      if (!(error instanceof CredentialsUnavailable)) throw error;
      this.#options.report(error);
      return true;
    }
  }

  /**
   * Checks the credentials of a request. The caller passes ACK and CANCEL unchecked, since they must not be challenged (RFC 3261 22.1).
   * The From must be the authenticated user's, and the To of a REGISTER as well (else 403). Never rejects: if the
   * credential store is unreachable, the response is a 503.
   */
  async check(request: SipMessage, role: AuthenticationRole, claimant: Claimant): Promise<AuthenticationResult> {
    const { claimed, realm } = this.#realmFor(request);
    const all = request.headers(ROLES[role].credentials).flatMap((header) => readCredentials(header) ?? []);
    const { realms } = this.#options.domains;
    const credentials = all.find((one) => one.realm === realm) ?? (claimed ? undefined : all.find((one) => realms.has(one.realm)));
    const algorithm = this.offered.find((name) => name === credentials?.algorithm);
    if (credentials === undefined || algorithm === undefined || !this.#isUsable(credentials, request, claimant)) return this.#challenge(role, realm, claimant);
    const { logins, report } = this.#options;
    const { username, nonce } = credentials;
    // Before the store is queried: made-up nonces cause it no work.
    if (!logins.isFresh(nonce, credentials.realm, claimant.address, this.nonceMs)) return this.#challenge(role, realm, claimant, true);
    const name = `${username}\n${credentials.realm}`;
    if (!logins.mayTry(claimant.address, name)) {
      this.#tell("limited", credentials, claimant);
      return unavailable();
    }
    try {
      const found = await this.#store.find(username, credentials.realm);
      const ha1 = found?.ha1s[algorithm];
      const proven = provesHa1(credentials, algorithm, ha1 ?? NOBODY[algorithm], request.method);
      if (!proven || found === undefined || ha1 === undefined) {
        logins.failed(claimant.address, name);
        this.#tell("password", credentials, claimant);
        return this.#challenge(role, realm, claimant);
      }
      // After a reload his store may be another, which knows nothing of this.
      if (!this.#isClosed) this.#options.onProven(username, credentials.realm, ha1, found.keepMs);
      return await this.#admit(credentials, request, role, claimant);
    } catch (error) {
      report(error);
      return error instanceof CredentialsUnavailable ? unavailable() : refused(500, "Server Internal Error");
    }
  }

  /** As `CredentialStore.revision`. */
  get revision(): number | undefined {
    return this.#store.revision?.();
  }

  /** As `CredentialStore.findNow`. */
  ha1Now(user: string, realm: string, algorithm: DigestAlgorithm): string | undefined {
    return this.#store.findNow?.(user, realm)?.[algorithm];
  }

  /** As `CredentialStore.all`, of the algorithms that are offered. */
  get ha1s(): Ha1List | undefined {
    return this.#store.all?.(this.offered);
  }

  /** How long a nonce is valid. */
  get nonceMs(): number {
    return this.#options.nonceSeconds * 1_000;
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.#store.close();
  }

  /** The credentials are right; they count for this one request and for the user whom they name. */
  async #admit(credentials: DigestCredentials, request: SipMessage, role: AuthenticationRole, claimant: Claimant): Promise<AuthenticationResult> {
    const { nonce, nc, qop, username, realm } = credentials;
    const { logins } = this.#options;
    // Digest without qop has no count, so its nonce is good for one request.
    const count = qop === undefined ? 1 : Number.parseInt(nc, 16);
    if (!logins.useNonce(nonce, `${username}\n${realm}`, count)) {
      this.#tell("replay", credentials, claimant);
      return this.#challenge(role, realm, claimant, true);
    }
    logins.proved(claimant.address, `${username}\n${realm}`);
    const identity = { user: username, realm };
    const isOwn = await this.#isOwnName(identity, request);
    this.#tell(isOwn ? "accepted" : "identity", credentials, claimant);
    return isOwn ? { ok: true, ...identity } : refused(403, "Not Your Address");
  }

  #tell(result: LoginResult, { username, realm }: DigestCredentials, { address }: Claimant): void {
    this.#options.onLogin({ result, source: address, user: username, realm });
  }

  /** Whether the From is the user's own. A telephone number belongs to a user only if it is the user's name. */
  async #isOwnName(identity: Identity, request: SipMessage): Promise<boolean> {
    const { domains } = this.#options;
    const from = request.header("from");
    if (request.method === "REGISTER") return isAddressOf(from, identity, domains) && isAddressOf(request.header("to"), identity, domains);
    if (isAddressOf(from, identity, domains) || isAnonymous(from)) return true;
    const number = telephoneNumber(from);
    return number !== undefined && (number === identity.user || (await this.#store.find(number, identity.realm)) === undefined);
  }

  /** The realm of the address in From, or of the called address if the From is not one of ours. */
  #realmFor(request: SipMessage): { readonly claimed: boolean; readonly realm: string } {
    const { domains } = this.#options;
    const claimed = domains.realmOf(uriOfHeader(request.header(request.method === "REGISTER" ? "to" : "from")));
    return { claimed: claimed !== undefined, realm: claimed ?? domains.realmOf(parseUri(request.uri)) ?? domains.first };
  }

  /** Proxies on the way may have changed the Request-URI, but not to that of another server (RFC 3261 22.4 item 5). */
  #isUsable({ qop, uri }: DigestCredentials, request: SipMessage, { isRelayed }: Claimant): boolean {
    if (qop !== undefined && qop !== "auth") return false;
    const [signed, now] = [parseUri(uri), parseUri(request.uri)];
    if (signed === undefined || now === undefined) return uri.toLowerCase() === request.uri.toLowerCase();
    const { domains } = this.#options;
    const isSameUser = isRelayed || unescapeUri(signed.user ?? "") === unescapeUri(now.user ?? "");
    return isSameUser && (signed.host === now.host || domains.leadsHere(signed));
  }

  /** The algorithms that every user has a hash for, so that only what can work is offered (RFC 8760 2.3). */
  get offered(): readonly DigestAlgorithm[] {
    const { algorithms } = this.#options;
    const common = this.#store.commonAlgorithms?.() ?? algorithms;
    const offered = algorithms.filter((algorithm) => common.includes(algorithm));
    return offered.length > 0 ? offered : algorithms;
  }

  /** A header line for each algorithm: some devices read the first line only, and choke on a list. */
  #challenge(role: AuthenticationRole, realm: string, { address }: Claimant, stale = false): AuthenticationResult {
    const { status, reason, challenge } = ROLES[role];
    const nonce = this.#options.logins.makeNonce(realm, address);
    const headers = this.offered.map((algorithm) => {
      const value = `Digest realm=${quote(realm)}, nonce="${nonce}", ${stale ? "stale=true, " : ""}algorithm=${algorithm}, qop="auth"`;
      return [challenge, value] as const;
    });
    return { ok: false, response: { status, reason, headers } };
  }
}

function refused(status: number, reason: string): AuthenticationResult {
  return { ok: false, response: { status, reason, headers: [] } };
}

function unavailable(): AuthenticationResult {
  return { ok: false, response: { status: 503, headers: [retryAfter()] } };
}
