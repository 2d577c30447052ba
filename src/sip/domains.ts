/** The domains whose users are kept here. Each has a realm and addresses of record of its own; an alias is another name for one of them. */
import type { SipUri } from "./uri.js";

export interface DomainName {
  readonly name: string;
  readonly aliasOf?: string;
}

export class Domains {
  readonly #realms: ReadonlyMap<string, string>;
  readonly #ownHosts: ReadonlySet<string>;
  /** The realm for senders who name none of our domains. */
  readonly first: string;

  /** No domains: those of every host are served. `ownHosts`: further names and addresses of this server, which have no users. */
  constructor(domains: readonly DomainName[], ownHosts: readonly string[] = []) {
    this.#realms = new Map(domains.map(({ name, aliasOf }) => [name, aliasOf ?? name]));
    this.#ownHosts = new Set(ownHosts);
    this.first = domains[0]?.aliasOf ?? domains[0]?.name ?? "sluice";
  }

  get realms(): ReadonlySet<string> {
    return new Set(this.#realms.values());
  }

  /** Every name of this server, with the domain it stands for; undefined: it has no users. */
  get names(): readonly (readonly [string, string | undefined])[] {
    const own = [...this.#ownHosts].filter((name) => !this.#realms.has(name));
    return [...this.#realms, ...own.map((name) => [name, undefined] as const)];
  }

  get isEmpty(): boolean {
    return this.#realms.size === 0;
  }

  /** The domain of that URI, aliases resolved; undefined: not one of ours. */
  realmOf(uri: SipUri | undefined): string | undefined {
    if (uri === undefined) return undefined;
    const name = nameOf(uri);
    return this.isEmpty ? name : this.#realms.get(name);
  }

  serves(uri: SipUri | undefined): boolean {
    return this.realmOf(uri) !== undefined;
  }

  /** Whether the host means this server: a domain, or an address or name that it is reached by (RFC 3261 10.2). */
  leadsHere(uri: SipUri): boolean {
    return this.serves(uri) || this.#ownHosts.has(nameOf(uri));
  }
}

/** Without the dot of a fully qualified name, and without brackets. */
function nameOf({ host }: SipUri): string {
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  return name.includes("[") || name.endsWith("]") ? name.replace(/^\[|\]$/g, "") : name;
}
