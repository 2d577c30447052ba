/** Listeners whose port differs from shard to shard, so that the core reaches the shard that it means. */
import { showHostPort } from "../config/host-port.js";
import type { ShardListener } from "./shard-settings.js";

/** A listener of shard 0 as another shard has it. */
export function listenerOf(first: ShardListener, shard: number): ShardListener {
  if (!first.apart || shard === 0) return first;
  const colon = first.sentBy.lastIndexOf(":") + 1;
  return { ...first, port: first.port + shard, sentBy: `${first.sentBy.slice(0, colon)}${Number(first.sentBy.slice(colon)) + shard}` };
}

/** A listener of shard 0 as the operator knows it: `udp:10.0.0.1:5070-5073 (core)`. */
export function showShardListener({ transport, address, port, apart, facing }: ShardListener, shards: number): string {
  const last = apart ? `-${port + shards - 1}` : "";
  return `${transport}:${showHostPort(address, port)}${last}${facing === "both" ? "" : ` (${facing})`}`;
}
