/** Reads the environment by the table and gathers every error, each naming its variable. */
import { printable } from "../base/printable.js";
import { isLoopback } from "./admin-listen.js";
import type { Config, Settings } from "./config.js";
import { faultOfAliases } from "./domain.js";
import { MAX_NODE, isDomain, isNode } from "./farm-node.js";
import { hasKeyFile, openKeyFile, readKeyFile } from "./key-file.js";
import { Unexpected } from "./kind.js";
import { type Listener, isSecure, portsOf, showListener, singlePorts } from "./listener.js";
import { EMBEDDED } from "./location.js";
import { nearest } from "./nearest.js";
import { reachOf } from "./reach.js";
import { table } from "./table.js";
import type { Variable } from "./variable.js";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Reading {
  /** Undefined when there are errors. */
  readonly settings: Settings | undefined;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export function readSettings(environment: Environment): Reading {
  const errors: string[] = [];
  const read = (variable: Variable<unknown>): unknown => {
    const text = textOf(variable, environment);
    // An empty default is an empty list: nothing to parse.
    if (text === undefined || text === "") return text === undefined ? undefined : Object.freeze([]);
    try {
      return variable.kind.parse(text);
    } catch (error) {
      if (!(error instanceof Unexpected)) throw error;
      const shown = variable.secret ? "" : `, not "${printable(text, 80)}"`;
      errors.push(`${variable.name}: expected ${error.message}${shown}`);
      return undefined;
    }
  };
  const entries = Object.entries(table).map(([key, variable]) => [key, read(variable)] as const);
  // The table's own types say that this is what its kinds return.
  const settings = Object.freeze(Object.fromEntries(entries)) as unknown as Settings;
  if (errors.length === 0) errors.push(...contradictions(settings, environment));
  return { settings: errors.length === 0 ? settings : undefined, errors, warnings: warningsOf(settings, environment) };
}

/** What one source may hold, and what it is a share of. */
const SHARES: ReadonlyMap<Variable<unknown>, Variable<unknown>> = new Map([
  [table.maxFlowsPerSource, table.maxFlows],
  [table.maxPendingPerSource, table.maxPending],
]);

/** The effective text of a variable: what is set, else its default. An empty variable counts as not set. */
export function textOf(variable: Variable<unknown>, environment: Environment): string | undefined {
  const text = environment[variable.name]?.trim();
  if (text !== undefined && text !== "") return text;
  const whole = SHARES.get(variable);
  if (whole === undefined) return variable.fallback;
  // Whoever lowers the whole does not mean to give it to the first who comes.
  const half = Math.floor(Number(textOf(whole, environment)) / 2);
  return half < Number(variable.fallback) ? String(Math.max(half, 1)) : variable.fallback;
}

/** Adds the keys of the key file where the environment has none. `make`: a missing key file is made. */
export function completeConfig(settings: Settings, make: boolean): { readonly config?: Config; readonly error?: string } {
  try {
    const open = make ? openKeyFile : readKeyFile;
    const flowKeys = settings.flowKeys ?? open(settings.stateDir) ?? [];
    return { config: Object.freeze({ ...settings, flowKeys }) };
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    return { error: `${table.stateDir.name}: expected ${error.message}` };
  }
}

function contradictions(settings: Settings, environment: Environment): string[] {
  return [...listenedTwice(settings), ...misfits(settings), ...sharesOfNothing(settings), ...faultsOfRanges(settings), ...openDoor(settings, environment), ...openAdmin(settings), ...missingParts(settings), ...farmFaults(settings)];
}

/** Without users anyone may register as anyone: on a public address the operator has to ask for that explicitly. */
function openDoor({ mode, auth, listen }: Settings, environment: Environment): string[] {
  const open = listen.find((listener) => reachOf(listener) === "anybody");
  if (mode === "edge" || auth.kind !== "off" || open === undefined || environment[table.auth.name]?.trim()) return [];
  return [
    `${table.auth.name}: expected the users of this server, because anyone can reach ${showListener(open)}; ` +
      `${table.auth.name}=off lets anyone register and call as any user`,
  ];
}

function openAdmin({ adminListen, adminToken }: Settings): string[] {
  if (adminListen === "off" || isLoopback(adminListen) || adminToken !== undefined) return [];
  return [`${table.adminListen.name}: expected a loopback address, because others need ${table.adminToken.name}`];
}

/** A share that is larger than the whole is none: one source could take it all. */
function sharesOfNothing({ maxFlows, maxFlowsPerSource, maxPending, maxPendingPerSource }: Settings): string[] {
  const tooLarge = (share: Variable<number>, whole: Variable<number>, most: number): string =>
    `${share.name}: expected no more than ${whole.name}, ${most}, of which it is one source's share`;
  return [
    ...(maxFlowsPerSource > maxFlows ? [tooLarge(table.maxFlowsPerSource, table.maxFlows, maxFlows)] : []),
    ...(maxPendingPerSource > maxPending ? [tooLarge(table.maxPendingPerSource, table.maxPending, maxPending)] : []),
  ];
}

/** A registrar names its neighbours by the port at which it hears them. */
function faultsOfRanges({ mode, shards, coreListen }: Settings): string[] {
  const ranges = (coreListen ?? []).filter(({ lastPort }) => lastPort !== undefined);
  return [
    ...ranges.filter(() => mode !== "edge").map((listener) => `${table.coreListen.name}: expected one port instead of ${showListener(listener)}, because a range is for ${table.mode.name}=edge`),
    ...ranges.filter((listener) => portsOf(listener) !== shards).map((listener) => `${table.coreListen.name}: expected ${shards} ports in ${showListener(listener)}, one for each of ${table.shards.name}`),
  ];
}

function misfits({ auth, domains, location, minExpires, defaultExpires, maxExpires }: Settings): string[] {
  const errors: string[] = [];
  if (auth.kind !== "off" && domains.length === 0) {
    errors.push(`${table.domains.name}: expected a domain, because ${table.auth.name} needs it as its realm`);
  }
  const fault = faultOfAliases(domains);
  if (fault !== undefined) errors.push(`${table.domains.name}: expected ${fault}`);
  if (auth.kind === "redis" && location === EMBEDDED) {
    errors.push(`${table.auth.name}: expected redis only with a Redis in ${table.location.name}`);
  }
  if (minExpires > maxExpires) errors.push(`${table.minExpires.name}: expected no more than ${table.maxExpires.name}, ${maxExpires}`);
  if (defaultExpires < minExpires || defaultExpires > maxExpires) {
    errors.push(`${table.defaultExpires.name}: expected a number from ${minExpires} to ${maxExpires}, the limits of what is granted`);
  }
  return errors;
}

/** What one variable requires of another one that is not met. */
function missingParts({ listen, coreListen, tlsCert, tlsKey, tlsCa, tlsClientCert, proxyTrusted, webhooks, webhookSecret, historyMegabytes }: Settings): string[] {
  const all = [...listen, ...(coreListen ?? [])];
  const errors: string[] = [];
  if ((tlsCert?.length ?? 0) !== (tlsKey?.length ?? 0)) errors.push(`${table.tlsKey.name}: expected as many files as ${table.tlsCert.name} has`);
  const secure = all.find(({ transport }) => isSecure(transport));
  if (secure && !tlsCert?.length) errors.push(`${table.tlsCert.name}: expected a certificate for ${showListener(secure)}`);
  if (tlsClientCert !== "off" && tlsCa === undefined) errors.push(`${table.tlsCa.name}: expected the authorities of the clients' certificates`);
  const proxied = all.find(({ proxy }) => proxy !== undefined);
  if (webhooks.length > 0 && webhookSecret === undefined) errors.push(`${table.webhookSecret.name}: expected the secret that signs what ${table.webhooks.name} gets`);
  if (webhooks.length > 0 && historyMegabytes === 0) errors.push(`${table.historyMegabytes.name}: expected 1 or more, because ${table.webhooks.name} delivers from the history`);
  if (proxied && proxyTrusted.length === 0) errors.push(`${table.proxyTrusted.name}: expected the balancers in front of ${showListener(proxied)}`);
  return errors;
}

function farmFaults({ mode, node, farm, flowKeys, stateDir, adminToken }: Settings): string[] {
  if (farm.length === 0) return [];
  const errors: string[] = [];
  if (mode !== "edge") errors.push(`${table.farm.name}: expected only with ${table.mode.name}=edge; registrars share their bindings through ${table.location.name}`);
  // One that an edge makes for itself is nobody else's.
  if (flowKeys === undefined && !hasKeyFile(stateDir)) errors.push(`${table.flowKeys.name}: expected the keys that all edges of ${table.farm.name} share, here or in flow.keys of ${table.stateDir.name}`);
  const nodes = farm.filter(isNode);
  const domain = farm.find(isDomain);
  if (domain !== undefined && farm.length > 1) errors.push(`${table.farm.name}: expected either edges or one domain`);
  if (domain !== undefined && node === 0) errors.push(`${table.node.name}: expected a number from 1 to ${MAX_NODE}, which is the weight of this edge in the SRV records of ${domain.uri.host}`);
  if ((domain?.adminPort !== undefined || nodes.some(({ admin }) => admin !== undefined)) && adminToken === undefined) errors.push(`${table.adminToken.name}: expected the token that all edges of ${table.farm.name} share, because it names their admin planes`);
  if (domain === undefined && nodes.every((one) => one.node !== node)) errors.push(`${table.node.name}: expected a number that ${table.farm.name} lists, not ${node}`);
  return errors;
}

function listenedTwice({ listen, coreListen }: Settings): string[] {
  const taken = new Map<string, string>();
  const errors: string[] = [];
  const claim = (variable: string, listeners: readonly Listener[]): void => {
    for (const listener of listeners.flatMap(singlePorts)) {
      // All stream transports share the TCP ports.
      const place = showListener({ ...listener, transport: listener.transport === "udp" ? "udp" : "tcp" });
      const owner = taken.get(place);
      if (listener.port === 0 || owner === undefined) taken.set(place, variable);
      else errors.push(`${variable}: expected each listener once, but ${owner} has ${place} already`);
    }
  };
  claim(table.listen.name, listen);
  claim(table.coreListen.name, coreListen ?? []);
  return errors;
}

const PREFIX = "SLUICE_";

/** A line for each SLUICE_ variable that does not exist. */
export function misspelt(environment: Environment): string[] {
  const names = Object.values(table).map(({ name }) => name);
  const known = new Set<string>(names);
  const unknown = Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !known.has(name));
  return unknown.sort().map((name) => {
    // What all of them begin with is no likeness.
    const meant = nearest(name.slice(PREFIX.length), names.map((one) => one.slice(PREFIX.length)));
    const hint = meant === undefined ? "" : `, did you mean ${PREFIX}${meant}?`;
    return `${printable(name, 80)}: there is no such variable${hint}`;
  });
}

function warningsOf(settings: Settings, environment: Environment): string[] {
  const warnings = misspelt(environment);
  if (settings.mode === "edge" && settings.upstream?.length === 0 && !environment[table.upstream.name]) {
    warnings.push(`${table.upstream.name}: not set, so what clients send will be answered 503`);
  }
  const open = settings.mode !== "edge" && settings.auth?.kind === "off" && settings.listen?.find((listener) => reachOf(listener) !== "this host");
  if (open) warnings.push(`${table.auth.name}: off, so ${reachOf(open) === "anybody" ? "anyone on the Internet" : "anyone on this network"} can register and call as any user over ${showListener(open)}`);
  return warnings;
}
