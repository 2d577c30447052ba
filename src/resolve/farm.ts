/** Where the other edges of the farm are: one address for each, resolved as an upstream's is. */
import type { FarmNode } from "../config/farm-node.js";
import type { DnsRecords } from "./dns-records.js";
import type { ResolvedTarget } from "./resolved-target.js";
import { Upstreams, type UpstreamsOptions } from "./upstreams.js";

export interface FarmTarget extends ResolvedTarget {
  readonly node: number;
}

export interface FarmOptions extends Omit<UpstreamsOptions, "onChange"> {
  readonly onChange: () => void;
}

export class Farm {
  readonly #nodes: readonly { readonly node: number; readonly places: Upstreams }[];

  /** `nodes`: the others; a node has no use for its own address. */
  constructor(nodes: readonly FarmNode[], records: DnsRecords, options: FarmOptions) {
    this.#nodes = nodes.map(({ node, uri }) => ({ node, places: new Upstreams([uri], records, options) }));
  }

  get targets(): readonly FarmTarget[] {
    return this.#nodes.flatMap(({ node, places }) => places.targets.slice(0, 1).map((target) => ({ ...target, node })));
  }

  /** The nodes without an address. */
  get unresolved(): readonly number[] {
    return this.#nodes.filter(({ places }) => places.targets.length === 0).map(({ node }) => node);
  }

  /** Never rejects. */
  async refresh(): Promise<void> {
    await Promise.all(this.#nodes.map(({ places }) => places.refresh()));
  }

  close(): void {
    for (const { places } of this.#nodes) places.close();
  }
}
