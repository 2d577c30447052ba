/** Makes the authenticator that the configuration asks for. */
import type { Config } from "../config/config.js";
import type { Domains } from "../sip/domains.js";
import type { Logins } from "../native/binding.js";
import { Authenticator, type AuthenticatorOptions, type Login } from "./authenticator.js";
import { openCredentials } from "./open-credentials.js";

export interface AuthenticatorNeeds {
  readonly logins: Logins;
  readonly report: (error: unknown) => void;
  readonly onLogin: (login: Login) => void;
  readonly onProven: AuthenticatorOptions["onProven"];
  /** That user has changed, or is gone. */
  readonly onChanged: (user: string, realm: string) => void;
}

/** Undefined: no authentication. Rejects if the users cannot be read. */
export async function openAuthenticator(config: Config, domains: Domains, needs: AuthenticatorNeeds): Promise<Authenticator | undefined> {
  const { auth, location, authAlgorithms, nonceSeconds } = config;
  const credentials = await openCredentials(auth, location, needs);
  const algorithms = authAlgorithms.map((name) => (name === "md5" ? "MD5" : "SHA-256"));
  return credentials && new Authenticator(credentials, { domains, algorithms, nonceSeconds, ...needs });
}
