/** What keeps strangers, and retransmissions, from filling the history. */
import { LogRate } from "../observe/log-rate.js";
import { networkOf } from "../observe/network.js";
import type { Happening } from "./event.js";

const PER_SECOND = 2;
const MOST_SOURCES = 1_000;
/** How long the same response to the same call may come again (timer H of RFC 3261 17.2.1). */
const AGAIN_MS = 32_000;
const MOST_CALLS = 4_096;

export class Gate {
  readonly #sources = new LogRate({ perSecond: PER_SECOND, mostKeys: MOST_SOURCES });
  /** When each failed call was last seen, the oldest first. */
  readonly #calls = new Map<string, number>();

  /** Events of the same source were left out, so many since the last call. */
  takeSuppressed(): number {
    return this.#sources.takeSuppressed();
  }

  admits(event: Happening): boolean {
    if (event.kind === "login-failed") return this.#sources.allows(networkOf(event.address ?? ""));
    return event.kind !== "call-failed" || (this.#isNew(event) && (event.hop !== "sluice" || event.address === undefined || this.#sources.allows(networkOf(hostOf(event.address)))));
  }

  #isNew({ callId, from, status, hop, at }: Happening): boolean {
    const name = `${callId} ${from} ${status} ${hop}`;
    const before = this.#calls.get(name) ?? -Infinity;
    this.#calls.delete(name);
    this.#calls.set(name, at);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > MOST_CALLS && oldest !== undefined) this.#calls.delete(oldest);
    return at - before > AGAIN_MS;
  }
}

/** Without the port. */
function hostOf(place: string): string {
  return place.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
