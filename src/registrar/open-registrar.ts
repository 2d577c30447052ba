/** Opens the registrar that the configuration describes, once per thread. */
import type { Authenticator } from "../auth/authenticator.js";
import type { Config } from "../config/config.js";
import { openLocationStore } from "../location/open-store.js";
import type { LocationStore } from "../location/store.js";
import type { BindingNewsRow } from "../native/inspect.js";
import type { Domains } from "../sip/domains.js";
import { Gruus } from "./gruu.js";
import { Registrar } from "./registrar.js";
import type { RegistrarOptions } from "./registrar-options.js";

export interface RegistrarParts {
  readonly registrar: Registrar;
  readonly store: LocationStore;
  readonly gruus: Gruus;
}

export interface RegistrarEvents {
  /** A failure that is not a client's fault: a store that is away, a file that cannot be read. It may come with every request. */
  readonly report: (error: unknown) => void;
  /** The server that holds the bindings was reached or lost. */
  readonly connection: (isUp: boolean, error?: Error) => void;
  /** Hears what happens to bindings in a Redis. */
  readonly tell: (news: BindingNewsRow) => void;
  /** So many rows of an address in a Redis cannot be read. */
  readonly unread: (rows: number) => void;
}

/** Each thread opens its own; all of them see the same bindings. Rejects when the store cannot be opened. */
export async function openRegistrar(
  config: Config,
  domains: Domains,
  authenticator: Authenticator | undefined,
  { report, connection, tell, unread }: RegistrarEvents,
): Promise<RegistrarParts> {
  const { location, stateDir, durable, maxBindings } = config;
  const store = await openLocationStore({ location, stateDir, durable, maxBindings, listener: connection, report, tell, unread });
  // The keys that sign tokens are the only secret that all nodes of a cluster share; further keys are derived from them, each under its own name.
  const gruus = new Gruus(config.flowKeys[0]?.key ?? new Uint8Array(0));
  const registrar = new Registrar({ store, gruus, report }, registrarRules(config, domains, authenticator));
  return { registrar, store, gruus };
}

/** What a reload may change. */
export function registrarRules(config: Config, domains: Domains, authenticator: Authenticator | undefined): RegistrarOptions {
  const { minExpires, maxExpires, defaultExpires, maxContacts, obPathCheck, pathMode, flowTimer } = config;
  return {
    domains,
    authenticator,
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
