/** From the configuration to whoever checks passwords. */
import type { Config } from "../config/config.js";
import type { Domains } from "../sip/domains.js";
import { Authenticator } from "./authenticator.js";
import { openCredentials } from "./open-credentials.js";

/** Undefined: nobody has to prove anything. Rejects when the users cannot be read. */
export async function openAuthenticator(config: Config, domains: Domains, report: (error: unknown) => void): Promise<Authenticator | undefined> {
  const { auth, location, authAlgorithms, nonceSeconds } = config;
  const credentials = await openCredentials(auth, location, report);
  const algorithms = authAlgorithms.map((name) => (name === "md5" ? "MD5" : "SHA-256"));
  const secret = config.flowKeys[0]?.key ?? new Uint8Array(0);
  return credentials && new Authenticator(credentials, { domains, algorithms, nonceSeconds, secret, report });
}
