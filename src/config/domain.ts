/** Domains to serve, and aliases of them: `example.org`, `sip.example.org=example.org`. */
import { parseHost } from "./host-port.js";
import { expected, type Kind } from "./kind.js";

export interface Domain {
  /** Lower case, without brackets. */
  readonly name: string;
  /** The domain that this is an alias of; undefined: a domain of its own. */
  readonly aliasOf?: string;
}

export const domain: Kind<Domain> = {
  syntax: "a host name or address, or `ALIAS=NAME` with a name that stands in the list",
  parse: (text) => {
    const [name = "", aliasOf, ...more] = text.split("=").map((part) => part.trim());
    if (more.length > 0) expected("NAME or ALIAS=NAME");
    return Object.freeze({ name: nameOf(name), ...(aliasOf === undefined ? {} : { aliasOf: nameOf(aliasOf) }) });
  },
};

/** What is wrong with the aliases of a list; undefined: nothing. */
export function faultOfAliases(domains: readonly Domain[]): string | undefined {
  const own = new Set(domains.filter(({ aliasOf }) => aliasOf === undefined).map(({ name }) => name));
  const lost = domains.find(({ aliasOf }) => aliasOf !== undefined && !own.has(aliasOf));
  return lost && `${lost.name}=${lost.aliasOf} to name a domain of the list that is no alias itself`;
}

function nameOf(text: string): string {
  return parseHost(text)?.name.replace(/\.$/, "") ?? expected("a host name, an IPv4 address or an IPv6 address in brackets");
}
