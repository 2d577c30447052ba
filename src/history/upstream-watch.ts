/** Each shard judges an upstream for itself: it is down when the first one says so, and up again when the last one has taken that back. */
import { showHostPort } from "../config/host-port.js";
import type { Alert } from "../native/binding.js";
import { Event } from "../native/layout.js";
import type { Happening } from "./event.js";

export class UpstreamWatch {
  readonly #down = new Map<string, Set<number>>();

  take(shard: number, alerts: readonly Alert[]): readonly Happening[] {
    return alerts.flatMap(({ event, address, port }): readonly Happening[] => {
      if (event !== Event.upstreamDown && event !== Event.upstreamUp) return [];
      const place = showHostPort(address, port);
      const shards = this.#down.get(place) ?? new Set();
      const wasDown = shards.size > 0;
      if (event === Event.upstreamDown) shards.add(shard);
      else shards.delete(shard);
      if (shards.size === 0) this.#down.delete(place);
      else this.#down.set(place, shards);
      const isDown = shards.size > 0;
      return isDown === wasDown ? [] : [{ kind: isDown ? "upstream-down" : "upstream-up", at: Date.now(), address: place }];
    });
  }

  /** It has ended, and its successor begins without an opinion. */
  forget(shard: number): void {
    for (const [place, shards] of this.#down) if (shards.delete(shard) && shards.size === 0) this.#down.delete(place);
  }
}
