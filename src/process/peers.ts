/** Whom this process sends to by name: its upstreams and the other edges of its farm. The shards are told whenever a name means something else. */
import { promises as dns } from "node:dns";
import type { Config } from "../config/config.js";
import type { FarmNode } from "../config/farm-node.js";
import { showHostPort } from "../config/host-port.js";
import { table } from "../config/table.js";
import { showUpstream } from "../config/upstream.js";
import type { Log } from "../observe/log.js";
import { DnsRecords } from "../resolve/dns-records.js";
import { Farm } from "../resolve/farm.js";
import { Upstreams } from "../resolve/upstreams.js";
import type { ShardPool } from "../shard/pool.js";
import { trustedNets } from "../shard/shard-config.js";

/** Names of a new configuration, resolved while the ones before are in force. */
export interface Candidates {
  /** Why they are no good, one line each. */
  readonly faults: readonly string[];
  use(): void;
  discard(): void;
}

export class Peers {
  readonly #pool: ShardPool;
  readonly #log: Log;
  #config: Config;
  #upstreams: Upstreams;
  #farm: Farm;

  constructor(config: Config, pool: ShardPool, log: Log) {
    this.#config = config;
    this.#pool = pool;
    this.#log = log;
    this.#upstreams = this.#resolve(config);
    this.#farm = this.#resolveFarm(config);
  }

  get targetCount(): number {
    return this.#upstreams.targets.length;
  }

  get farmNodes(): readonly FarmNode[] {
    return this.#farm.nodes;
  }

  /** Bounded by the time limit of the DNS. */
  async refresh(): Promise<void> {
    await Promise.all([this.#upstreams.refresh(), this.#farm.refresh()]);
  }

  async prepare(config: Config, changed: readonly string[]): Promise<Candidates> {
    const isNew = changed.includes(table.upstream.name);
    const upstreams = isNew ? this.#resolve(config) : this.#upstreams;
    const isNewFarm = changed.includes(table.farm.name);
    const farm = isNewFarm ? this.#resolveFarm(config) : this.#farm;
    await Promise.all([upstreams.refresh(), farm.refresh()]);
    const faults: string[] = [];
    if (isNew) faults.push(...upstreams.unresolved.map((uri) => `${table.upstream.name}: expected a name or address that can be resolved, not ${showUpstream(uri)}`));
    if (isNewFarm) faults.push(...farm.unresolved.map((what) => `${table.farm.name}: expected a name or address that can be resolved for ${what}`));
    return {
      faults,
      use: () => {
        this.#config = config;
        if (isNew) this.#upstreams.close();
        this.#upstreams = upstreams;
        if (isNewFarm) this.#farm.close();
        this.#farm = farm;
        this.#tell();
      },
      discard: () => {
        if (isNew) upstreams.close();
        if (isNewFarm) farm.close();
      },
    };
  }

  close(): void {
    this.#upstreams.close();
    this.#farm.close();
  }

  #tell(): void {
    const { targets } = this.#upstreams;
    const nodes = this.#farm.targets;
    this.#pool.orders.setUpstreams([...targets, ...nodes], trustedNets(this.#config, targets, nodes));
  }

  #resolveFarm(config: Config): Farm {
    const farm: Farm = new Farm(config.farm, new DnsRecords(new dns.Resolver()), {
      own: config.node,
      onFault: (fault) => this.#log.error({ fault }, "a record of the farm's domain is no good: this edge does without it"),
      onChange: () => {
        if (this.#farm === farm) this.#tell();
      },
      onFailure: (uri, error) => this.#log.warn({ node: showUpstream(uri), reason: error.message }, "cannot resolve an edge of the farm"),
    });
    return farm;
  }

  #resolve(config: Config): Upstreams {
    const upstreams: Upstreams = new Upstreams(config.upstream, new DnsRecords(new dns.Resolver()), {
      onChange: (targets) => {
        if (this.#upstreams === upstreams) this.#tell();
        const shown = targets.map(({ transport, address, port, priority, weight }) => `${transport}:${showHostPort(address, port)} ${priority}/${weight}`);
        // A process with its own registrar needs no upstream.
        if (shown.length > 0 || config.mode === "edge") this.#log.info({ targets: shown }, shown.length > 0 ? "upstream" : "no upstream target: requests of clients get 503");
      },
      onFailure: (uri, error) => this.#log.warn({ upstream: showUpstream(uri), reason: error.message }, "cannot resolve an upstream"),
    });
    return upstreams;
  }
}
