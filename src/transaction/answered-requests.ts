/**
 * Responses to requests other than INVITE: over UDP such a request may be retransmitted for as long as timer J (RFC 3261 17.2.2). A server
 * with thousands of registrations a second answers a hundred thousand in that time, so only the responses are kept, and one timer
 * serves all. If there are too many, the oldest is forgotten, and a retransmission of its request is handled like a new one.
 */
import { Const } from "../native/layout.js";
import { type MovingAnswer, toOctets, toText } from "./moving.js";

export interface Answered {
  readonly octets: Uint8Array;
  /** The flow that it went to. */
  readonly flow: string;
}

const SWEEP_MS = 1_000;

export class AnsweredRequests {
  /** The oldest first. */
  readonly #byKey = new Map<string, Answered & { readonly until: number }>();
  readonly #memory: number;
  readonly #most: number;
  readonly #mostOctets: number;
  #octets = 0;
  #isSweeping = false;

  /** `memory` in milliseconds. */
  constructor(memory: number, most: number, mostOctets: number) {
    this.#memory = memory;
    this.#most = most;
    this.#mostOctets = mostOctets;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Answered | undefined {
    return this.#byKey.get(key);
  }

  /** What may still be asked for, for the next process. */
  moving(): readonly MovingAnswer[] {
    const now = performance.now();
    const recent = [...this.#byKey].filter(([, { until }]) => until - now > this.#memory - Const.asksAgainMs);
    return recent.map(([key, { octets, flow, until }]) => ({ key, octets: toText(octets), flow, left: until - now }));
  }

  goOn({ key, octets, flow, left }: MovingAnswer): void {
    this.add(key, toOctets(octets), flow, left);
  }

  /** `memory`: milliseconds that are left. */
  add(key: string, octets: Uint8Array, flow: string, memory = this.#memory): void {
    this.#delete(key);
    while (this.#byKey.size > 0 && (this.#byKey.size >= this.#most || this.#octets + octets.length > this.#mostOctets)) {
      const [oldest = ""] = this.#byKey.keys();
      this.#delete(oldest);
    }
    this.#octets += octets.length;
    this.#byKey.set(key, { octets, flow, until: performance.now() + memory });
    this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    setTimeout(() => this.#sweep(), Math.min(SWEEP_MS, this.#memory)).unref();
  }

  #sweep(): void {
    this.#isSweeping = false;
    const now = performance.now();
    for (const [key, { until }] of this.#byKey) {
      if (until > now) return this.#sweepLater();
      this.#delete(key);
    }
  }

  #delete(key: string): void {
    this.#octets -= this.#byKey.get(key)?.octets.length ?? 0;
    this.#byKey.delete(key);
  }
}
