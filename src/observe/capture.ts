/** Where copies of all captured messages go: a Homer server, a file, or both. */
import type { Config } from "../config/config.js";
import type { ShardListener } from "../native/shard-settings.js";
import { HepSender } from "./hep.js";
import type { Log } from "./log.js";
import { PacketMaker } from "./packet.js";
import { PcapWriter } from "./pcap.js";
import type { Tapped } from "./tapped.js";

export interface Capture {
  readonly put: (tapped: Tapped) => void;
  /** Packets that could not be sent or written. */
  readonly lost: () => number;
  readonly close: () => Promise<void>;
}

/** Undefined: nothing is captured. */
export function createCapture(config: Config, listeners: readonly ShardListener[], log: Log): Capture | undefined {
  const hep = config.hep && new HepSender(config.hep, config.hepId, log);
  const pcap = config.pcap === undefined ? undefined : new PcapWriter(config.pcap, config.pcapMegabytes << 20, log);
  if (!hep && !pcap) return undefined;
  const packets = new PacketMaker(listeners);
  return {
    put: (tapped) => {
      const packet = packets.make(tapped);
      if (packet === undefined) return;
      hep?.put(packet);
      pcap?.put(packet);
    },
    lost: () => (hep ? hep.lost : 0) + (pcap?.lost ?? 0),
    close: async () => {
      hep?.close();
      await pcap?.close();
    },
  };
}
