/** Where the other edges of the farm are: one address for each, resolved as an upstream's is. A domain says which edges there are. */
import { type FarmDomain, type FarmNode, type FarmPlace, isDomain, isNode } from "../config/farm-node.js";
import type { DnsRecords } from "./dns-records.js";
import { nodesOf, serviceOf } from "./farm-domain.js";
import type { ResolvedTarget } from "./resolved-target.js";
import { Upstreams, type UpstreamsOptions } from "./upstreams.js";

export interface FarmTarget extends ResolvedTarget {
  readonly node: number;
}

export interface FarmOptions extends Omit<UpstreamsOptions, "onChange"> {
  /** Of this edge, which has no use for its own address. */
  readonly own: number;
  readonly onChange: () => void;
  /** Records of the domain that cannot be used. */
  readonly onFault: (fault: string) => void;
}

interface Place extends FarmNode {
  readonly places: Upstreams;
}

const TIME_LIMIT_MS = 2_000;
const LEAST_MS = 1_000;

export class Farm {
  readonly #records: DnsRecords;
  readonly #options: FarmOptions;
  readonly #domain: FarmDomain | undefined;
  #nodes: readonly Place[] = [];
  #faults = "";
  #isClosed = false;
  #cancel: () => void = () => undefined;

  constructor(places: readonly FarmPlace[], records: DnsRecords, options: FarmOptions) {
    this.#records = records;
    this.#options = options;
    this.#domain = places.find(isDomain);
    this.#set(places.filter(isNode));
  }

  /** The other edges. */
  get nodes(): readonly FarmNode[] {
    return this.#nodes;
  }

  get targets(): readonly FarmTarget[] {
    return this.#nodes.flatMap(({ node, places }) => places.targets.slice(0, 1).map((target) => ({ ...target, node })));
  }

  /** What has no address: nodes, or the domain. */
  get unresolved(): readonly string[] {
    if (this.#domain !== undefined && this.#nodes.length === 0) return [`the domain ${this.#domain.uri.host}`];
    return this.#nodes.filter(({ places }) => places.targets.length === 0).map(({ node }) => `node ${node}`);
  }

  /** Never rejects. */
  async refresh(): Promise<void> {
    if (this.#domain !== undefined) await this.#readDomain(this.#domain);
    await Promise.all(this.#nodes.map(({ places }) => places.refresh()));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    for (const { places } of this.#nodes) places.close();
  }

  async #readDomain(domain: FarmDomain): Promise<void> {
    const { clock } = this.#records;
    this.#cancel();
    let until = this.#records.retryTime();
    try {
      const answer = await this.#records.get("SRV", serviceOf(domain), clock.now() + TIME_LIMIT_MS);
      const { nodes, faults } = nodesOf(domain, answer.records);
      until = answer.until;
      if (this.#isClosed) return;
      if (faults.join() !== this.#faults) for (const fault of faults) this.#options.onFault(fault);
      this.#faults = faults.join();
      this.#set(nodes);
    } catch (error) {
      // What was known before stays.
      this.#options.onFailure(domain.uri, error instanceof Error ? error : new Error(String(error)));
    }
    if (!this.#isClosed) this.#cancel = clock.at(Math.max(until, clock.now() + LEAST_MS), () => void this.refresh());
  }

  /** An edge that stays where it is keeps its addresses. */
  #set(nodes: readonly FarmNode[]): void {
    const before = this.#nodes;
    this.#nodes = nodes
      .filter(({ node }) => node !== this.#options.own)
      .map((one) => before.find((other) => sameNode(one, other)) ?? { ...one, places: new Upstreams([one.uri], this.#records, this.#options) });
    const gone = before.filter((other) => !this.#nodes.includes(other));
    for (const { places } of gone) places.close();
    if (gone.length > 0) this.#options.onChange();
  }
}

function sameNode(one: FarmNode, other: FarmNode): boolean {
  return one.node === other.node && one.uri.scheme === other.uri.scheme && one.uri.host === other.uri.host && one.uri.port === other.uri.port && one.uri.transport === other.uri.transport;
}
