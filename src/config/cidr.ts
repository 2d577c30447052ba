/** Networks whose senders are trusted: `10.0.0.0/8`, one host, and either with a port: `127.0.0.1:5070`, `[::1]:5070`. */
import { isIPv6 } from "node:net";
import { type Family, parseHost, parsePort } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

export interface Cidr {
  /** A literal address without brackets. */
  readonly address: string;
  readonly family: Family;
  readonly prefix: number;
  /** Undefined: any port. */
  readonly port: number | undefined;
}

export const cidr: Kind<Cidr> = {
  syntax: "`ADDRESS/PREFIX` or `ADDRESS`, with optional `:PORT` (IPv6 then in brackets)",
  parse: (text) => {
    // An IPv6 address without brackets cannot have a port: its own colons come first.
    const [address = "", length, port] = cut(text);
    const host = parseHost(isIPv6(address) ? `[${address}]` : address);
    if (host?.family === undefined) return expected("an address or ADDRESS/PREFIX, such as 10.0.0.0/8 or [::1]:5070");
    const bits = host.family === 4 ? 32 : 128;
    const prefix = length === undefined ? bits : parsePort(length);
    if (prefix === undefined || prefix > bits) return expected(`a prefix from 0 to ${bits} after ${address}`);
    if (hasBitsBehind(octetsOf(host.name, host.family), prefix)) {
      return expected(`an address whose bits after the /${prefix} are zero`);
    }
    const number = port === undefined ? undefined : parsePort(port);
    if (port !== undefined && !number) return expected("a port from 1 to 65535");
    return Object.freeze({ address: host.name, family: host.family, prefix, port: number });
  },
};

function cut(text: string): readonly (string | undefined)[] {
  const bracketed = /^\[([^\]/]*)(?:\/(\d*))?\](?:\/(\d*))?(?::(.*))?$/.exec(text);
  if (bracketed) return [bracketed[1], bracketed[2] ?? bracketed[3], bracketed[4]];
  const bare = text.split(":").length > 2 ? /^([^/]*)(?:\/(.*))?$/ : /^([^/:]*)(?:\/([^:]*))?(?::(.*))?$/;
  const [, address, length, port] = bare.exec(text) ?? [];
  return [address, length, port];
}

function octetsOf(address: string, family: Family): number[] {
  if (family === 4) return address.split(".").map(Number);
  // The URL parser writes every IPv6 address as groups of hexadecimal digits with at most one "::".
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined): number[] => (part ? part.split(":").map((group) => Number.parseInt(group, 16)) : []);
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}

function hasBitsBehind(octets: readonly number[], prefix: number): boolean {
  return octets.some((octet, index) => {
    const kept = Math.min(Math.max(prefix - index * 8, 0), 8);
    return (octet & (0xff >> kept)) !== 0;
  });
}
