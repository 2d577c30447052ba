/** From the configuration to a working registrar: what a thread opens once. */
import { Authenticator } from "../auth/authenticator.js";
import { openCredentials } from "../auth/open-credentials.js";
import type { Config } from "../config/config.js";
import { openLocationStore } from "../location/open-store.js";
import type { LocationStore } from "../location/store.js";
import { Gruus } from "./gruu.js";
import { Registrar } from "./registrar.js";
import type { RegistrarOptions } from "./registrar-options.js";

export interface RegistrarParts {
  readonly registrar: Registrar;
  readonly store: LocationStore;
  readonly gruus: Gruus;
  /** For the other methods; undefined: anybody may call. */
  readonly authenticator: Authenticator | undefined;
  close(): Promise<void>;
}

export interface RegistrarEvents {
  /** A failure that is no client's fault: a store that is away, a file that cannot be read. It may come for each request. */
  readonly report: (error: unknown) => void;
  /** A server that the bindings are in was reached or lost. */
  readonly connection: (isUp: boolean, error?: Error) => void;
}

/** Each thread opens its own; all of them see the same bindings. Rejects when the store or the users cannot be opened. */
export async function openRegistrar(config: Config, { report, connection }: RegistrarEvents): Promise<RegistrarParts> {
  const { location, stateDir, auth, domains, authAlgorithms, nonceSeconds } = config;
  // The keys that sign tokens are the one secret that all nodes of a cluster share; what is made of them has names of its own.
  const secret = config.flowKeys[0]?.key ?? new Uint8Array(0);
  const credentials = await openCredentials(auth, location, report);
  const store = await openLocationStore({ location, stateDir, listener: connection });
  const algorithms = authAlgorithms.map((name) => (name === "md5" ? "MD5" : "SHA-256"));
  const authenticator = credentials && new Authenticator(credentials, { domains, algorithms, nonceSeconds, secret, report });
  const gruus = new Gruus(secret);
  const registrar = new Registrar({ store, gruus, authenticator, report }, registrarOptions(config));
  const close = async (): Promise<void> => {
    await authenticator?.close();
    await store.close();
  };
  return { registrar, store, gruus, authenticator, close };
}

function registrarOptions(config: Config): RegistrarOptions {
  const { domains, minExpires, maxExpires, defaultExpires, maxContacts, obPathCheck, pathMode, flowTimer } = config;
  return {
    domains,
    minExpires,
    maxExpires,
    defaultExpires,
    expiresJitterPercent: config.expiresJitter,
    maxContacts,
    maxFlows: config.maxFlowsPerInstance,
    obPathCheck,
    pathMode,
    outbound: config.outbound === "off" ? "off" : "auto",
    flowTimer,
  };
}
