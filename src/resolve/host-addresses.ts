/** The addresses of a host: literal, from the hosts file, or from A and AAAA records, in the address families that can be reached. */
import { isIP, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import type { DnsRecords } from "./dns-records.js";
import { HOSTS_FILE_MS, fromHostsFile } from "./hosts-file.js";
import { ResolveError } from "./resolve-error.js";

export type Family = 4 | 6;

export interface HostAddress {
  readonly address: string;
  /** 0: in the family that is tried first; 1: in the other one, for a host that has both. */
  readonly familyRank: number;
}

export interface HostAddresses {
  readonly addresses: readonly HostAddress[];
  /** Time at which they should be looked up again. */
  readonly until: number;
}

export interface HostOptions {
  /** The families that can be reached, the preferred one first; unset: reachableFamilies(). */
  readonly families?: readonly Family[] | undefined;
  /** Unset: /etc/hosts. */
  readonly hostsFile?: string | undefined;
}

/** Addresses that a record must not name: unspecified, broadcast, multicast (RFC 6890). */
const UNUSABLE = /^(?:0\.|22[4-9]\.|23\d\.|24\d\.|25[0-5]\.|::$|ff)/i;
/** How long the list of interfaces counts. */
const FAMILIES_MS = 30_000;

export async function hostAddresses(host: string, records: DnsRecords, options: HostOptions, deadline: number): Promise<HostAddresses> {
  const now = records.clock.now();
  const families = options.families ?? familiesNow(now);
  const known = isIP(host) ? [host] : await fromHostsFile(host, options.hostsFile ?? "/etc/hosts", now);
  if (known.length > 0) {
    const until = isIP(host) ? Infinity : now + HOSTS_FILE_MS;
    // A literal address is used as is: the operator knows better than our list of interfaces.
    return { addresses: ranked(known, isIP(host) ? [isIPv4(host) ? 4 : 6] : families), until };
  }
  const answers = await Promise.allSettled(families.map((family) => records.get(family === 4 ? "A" : "AAAA", host, deadline)));
  const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value.records.map(({ address }) => address) : []));
  const failed = answers.find((answer) => answer.status === "rejected");
  // If one family has addresses, the other's failure can wait until the next time.
  if (found.length === 0 && failed !== undefined) throw asResolveError(failed.reason);
  const times = answers.map((answer) => (answer.status === "fulfilled" ? answer.value.until : records.retryTime()));
  return { addresses: ranked(found, families), until: Math.min(...times) };
}

/**
 * The families that this host has a global or private address of, IPv6 first (RFC 6724, RFC 7984 3); loopback counts where there is
 * nothing else.
 */
function reachableFamilies(interfaces = networkInterfaces()): readonly Family[] {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal, address }) => !internal && !address.toLowerCase().startsWith("fe80:"));
  const have = new Set((outside.length > 0 ? outside : all).map(({ family }) => family));
  const families = ([6, 4] as const).filter((family) => have.has(`IPv${family}`));
  return families.length > 0 ? families : [4];
}

let lastFamilies: { readonly until: number; readonly families: readonly Family[] } | undefined;

function familiesNow(now: number): readonly Family[] {
  if (lastFamilies === undefined || lastFamilies.until <= now) lastFamilies = { until: now + FAMILIES_MS, families: reachableFamilies() };
  return lastFamilies.families;
}

function ranked(addresses: readonly string[], families: readonly Family[]): readonly HostAddress[] {
  const usable = [...new Set(addresses)].filter((address) => !UNUSABLE.test(address));
  const byFamily = families.map((family) => usable.filter((address) => isIPv4(address) === (family === 4))).filter((group) => group.length > 0);
  return byFamily.flatMap((group, familyRank) => group.map((address) => ({ address, familyRank })));
}

function asResolveError(reason: unknown): ResolveError {
  return reason instanceof ResolveError ? reason : new ResolveError(String(reason));
}
