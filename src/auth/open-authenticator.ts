/** Makes the authenticator that the configuration asks for. */
import type { Config } from "../config/config.js";
import type { Domains } from "../sip/domains.js";
import type { Logins } from "../native/binding.js";
import { Authenticator, type AuthenticatorOptions, type Login } from "./authenticator.js";
import { type CredentialNeeds, openCredentials } from "./open-credentials.js";

export interface AuthenticatorNeeds extends CredentialNeeds {
  readonly logins: Logins;
  readonly onLogin: (login: Login) => void;
  readonly onProven: AuthenticatorOptions["onProven"];
}

/** Undefined: no authentication. Rejects if the users cannot be read. */
export async function openAuthenticator(config: Config, domains: Domains, needs: AuthenticatorNeeds): Promise<Authenticator | undefined> {
  const { auth, location, authAlgorithms, nonceSeconds } = config;
  const credentials = await openCredentials(auth, location, needs);
  const algorithms = authAlgorithms.map((name) => (name === "md5" ? "MD5" : "SHA-256"));
  return credentials && new Authenticator(credentials, { domains, algorithms, nonceSeconds, ...needs });
}
