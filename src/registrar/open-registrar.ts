/** From the configuration to a working registrar: what a thread opens once. */
import type { Authenticator } from "../auth/authenticator.js";
import type { Config } from "../config/config.js";
import { openLocationStore } from "../location/open-store.js";
import type { LocationStore } from "../location/store.js";
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
  /** A failure that is no client's fault: a store that is away, a file that cannot be read. It may come for each request. */
  readonly report: (error: unknown) => void;
  /** A server that the bindings are in was reached or lost. */
  readonly connection: (isUp: boolean, error?: Error) => void;
}

/** Each thread opens its own; all of them see the same bindings. Rejects when the store cannot be opened. */
export async function openRegistrar(
  config: Config,
  domains: Domains,
  authenticator: Authenticator | undefined,
  { report, connection }: RegistrarEvents,
): Promise<RegistrarParts> {
  const { location, stateDir, durable, maxBindings } = config;
  const store = await openLocationStore({ location, stateDir, durable, maxBindings, listener: connection });
  // The keys that sign tokens are the one secret that all nodes of a cluster share; what is made of them has names of its own.
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
