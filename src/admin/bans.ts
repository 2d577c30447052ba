/** Networks that the operator has banned, each for a limited time. */
import { messageOf } from "../base/message-of.js";
import { steadyNow } from "../base/steady-clock.js";
import { type Cidr, cidr } from "../config/cidr.js";
import { Unexpected } from "../config/kind.js";
import type { Log } from "../observe/log.js";
import type { Happening } from "../history/event.js";
import type { ShardPool } from "../shard/pool.js";
import { netsOf } from "../shard/shard-config.js";
import { readBans, writeBans } from "./ban-file.js";
import { ControlRefusal } from "./control-refusal.js";

const MAX = 4_096;

export interface BanView {
  readonly address: string;
  readonly secondsLeft: number;
}

interface Ban {
  readonly net: Cidr;
  readonly until: number;
}

export class Bans {
  /** Keyed by the network as it is displayed. */
  readonly #bans = new Map<string, Ban>();
  readonly #pool: ShardPool;
  readonly #log: Log;
  readonly #path: string;
  readonly #tell: (happening: Happening) => void;
  #timer: NodeJS.Timeout | undefined;

  /** Bans from before a restart apply at once. `path`: where they are kept; `tell` hears of each that begins or ends. */
  constructor(pool: ShardPool, log: Log, path: string, tell: (happening: Happening) => void) {
    this.#pool = pool;
    this.#log = log;
    this.#path = path;
    this.#tell = tell;
    try {
      for (const [network, until] of readBans(path).slice(0, MAX)) this.#bans.set(network, { net: networkOf(network), until });
    } catch (error) {
      log.error({ file: path, reason: messageOf(error) }, "the bans cannot be read: set them again");
    }
    if (this.#bans.size > 0) this.#apply();
  }

  list(): readonly BanView[] {
    const now = steadyNow();
    return [...this.#bans].map(([address, { until }]) => ({ address, secondsLeft: Math.ceil((until - now) / 1_000) }));
  }

  /** `text`: an address, or a network with its prefix. */
  add(text: string, seconds: number): void {
    const net = networkOf(text);
    const address = shown(net);
    if (!this.#bans.has(address) && this.#bans.size >= MAX) throw new ControlRefusal(409, `there are ${MAX} bans already`);
    this.#bans.set(address, { net, until: steadyNow() + seconds * 1_000 });
    this.#log.warn({ address, seconds }, "address banned");
    this.#tell({ kind: "banned", at: Date.now(), address, seconds, why: "the operator" });
    this.#changed();
  }

  remove(text: string): void {
    const address = shown(networkOf(text));
    if (!this.#bans.delete(address)) throw new ControlRefusal(404, `${address} is not banned`);
    this.#log.info({ address }, "ban lifted");
    this.#tell({ kind: "ban-ended", at: Date.now(), address, why: "the operator lifted it" });
    this.#changed();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #changed(): void {
    this.#apply();
    try {
      writeBans(this.#path, [...this.#bans].map(([address, { until }]) => [address, until]));
    } catch (error) {
      this.#log.error({ file: this.#path, reason: messageOf(error) }, "the bans cannot be written: they end with this process");
    }
  }

  #apply(): void {
    clearTimeout(this.#timer);
    const now = steadyNow();
    for (const [address, { until }] of this.#bans) {
      if (until > now) continue;
      this.#bans.delete(address);
      this.#tell({ kind: "ban-ended", at: Date.now(), address, why: "its time is over" });
    }
    const bans = [...this.#bans.values()];
    this.#pool.orders.setBans(netsOf(bans.map(({ net }) => net)));
    const next = Math.min(...bans.map(({ until }) => until));
    // A timer cannot wait longer than 24 days.
    if (next < Infinity) this.#timer = setTimeout(() => this.#apply(), Math.min(next - now, 2_000_000_000)).unref();
  }
}

function networkOf(text: string): Cidr {
  try {
    const net = cidr.parse(text);
    if (net.port === undefined && net.prefix > 0) return net;
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
  }
  throw new ControlRefusal(400, "a ban needs an address or a network: 198.51.100.9, 198.51.100.0/24, 2001:db8:1:2::/64");
}

function shown({ address, prefix, family }: Cidr): string {
  return prefix === (family === 4 ? 32 : 128) ? address : `${address}/${prefix}`;
}
