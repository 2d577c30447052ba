/** Orders to all shards. The latest of each kind stands: a shard that starts later gets it too. */
import type { Config } from "../config/config.js";
import type { OutboundMode } from "../edge/outbound.js";
import type { TrustedNet, UpstreamTarget } from "../native/address-port.js";
import type { TapFilter } from "../native/inspect.js";
import { binding } from "../native/load.js";
import type { ShardKey, ShardLimits, ShardNames, TlsMaterial } from "../native/shard-settings.js";
import type { Log } from "../observe/log.js";
import type { ToShard } from "./messages.js";
import type { Seats } from "./seats.js";
import { setNonceKeys } from "./shard-config.js";
import type { ShardThread } from "./shard-thread.js";

export class Orders {
  readonly #seats: Seats;
  readonly #cluster: number;
  readonly #log: Log;
  readonly #standing = new Map<ToShard["kind"], ToShard>();

  constructor(seats: Seats, cluster: number, log: Log) {
    this.#seats = seats;
    this.#cluster = cluster;
    this.#log = log;
  }

  setUpstreams(targets: readonly UpstreamTarget[], trusted: readonly TrustedNet[]): void {
    this.#give({ kind: "upstreams", targets, trusted });
  }

  setKeys(keys: readonly ShardKey[]): void {
    setNonceKeys(this.#cluster, keys);
    this.#give({ kind: "keys", keys });
  }

  /** Limits apply per shard. */
  setRules(limits: ShardLimits, flowTimer: number, outbound: OutboundMode): void {
    this.#give({ kind: "rules", limits, flowTimer, outbound });
  }

  /** Before the first start; returns what is wrong with it. Here and not in the shards: a hundred authorities take longer than a turn may last. */
  readTls(material: TlsMaterial): string | undefined {
    return binding.setTls(this.#cluster, material);
  }

  /** For new connections; open ones keep what they began with. */
  setTls(material: TlsMaterial): void {
    const fault = this.readTls(material);
    if (fault === undefined) this.#seats.tell({ kind: "tls" });
    else this.#log.error({ fault }, "new certificates rejected, keeping the previous ones");
  }

  setBans(nets: readonly TrustedNet[]): void {
    this.#give({ kind: "bans", nets });
  }

  setNames(names: ShardNames): void {
    this.#give({ kind: "names", names });
  }

  /** New settings for the registrar or standalone server. */
  setHome(settings: Config): void {
    this.#give({ kind: "home", settings });
  }

  setTap(filters: readonly TapFilter[]): void {
    this.#give({ kind: "tap", filters });
  }

  /** For a thread that is ready. */
  repeatTo(thread: ShardThread): void {
    for (const order of this.#standing.values()) thread.tell(order);
  }

  #give(message: ToShard): void {
    this.#standing.set(message.kind, message);
    this.#seats.tell(message);
  }
}
