/** The hosts file, read again only when its answers have aged, not on every call. */
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";

const LOOPBACKS = ["127.0.0.1", "::1"];
/** How long its contents are valid. */
export const HOSTS_FILE_MS = 30_000;

interface Reading {
  readonly until: number;
  readonly addresses: Promise<ReadonlyMap<string, readonly string[]>>;
}

const readings = new Map<string, Reading>();

/** `now` is on the caller's clock. */
export async function fromHostsFile(host: string, path: string, now: number): Promise<readonly string[]> {
  const name = host.toLowerCase().replace(/\.$/, "");
  const found = (await addressesIn(path, now)).get(name) ?? [];
  // RFC 6761 6.3: this name never goes to the DNS.
  return found.length === 0 && /(?:^|\.)localhost$/.test(name) ? LOOPBACKS : found;
}

function addressesIn(path: string, now: number): Reading["addresses"] {
  const known = readings.get(path);
  if (known !== undefined && known.until > now) return known.addresses;
  const addresses = readFile(path, "utf8").then(parse, () => new Map<string, readonly string[]>());
  readings.set(path, { until: now + HOSTS_FILE_MS, addresses });
  return addresses;
}

function parse(text: string): ReadonlyMap<string, readonly string[]> {
  const addresses = new Map<string, readonly string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names.map((alias) => alias.toLowerCase())) addresses.set(name, [...(addresses.get(name) ?? []), address]);
  }
  return addresses;
}
