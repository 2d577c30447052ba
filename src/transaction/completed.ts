/**
 * What is left of completed transactions: the octets that answer a retransmission. A server transaction leaves its response; for requests other
 * than INVITE over UDP that is for as long as timer J (RFC 3261 17.2.2). A client transaction whose INVITE was refused leaves its ACK, for as long
 * as timer D (17.1.1.2). A server with thousands of registrations a second answers a hundred thousand in timer J, so only the octets are kept,
 * outside of the collected heap, and one timer serves all. If there are too many, the oldest is forgotten; a retransmitted request is then handled
 * like a new one.
 */
import { Const } from "../native/layout.js";
import { binding } from "../native/load.js";
import type { KeptAnswers } from "../native/binding.js";
import { type MovingAnswer, toOctets } from "./moving.js";

export interface Completed {
  readonly octets: Uint8Array;
  /** Where they went: a server transaction names the flow, a client transaction its hop, as JSON. */
  readonly way: string;
}

const SWEEP_MS = 1_000;

export class CompletedTransactions {
  readonly #kept: KeptAnswers;
  readonly #memory: number;
  #isSweeping = false;

  /** `memory` in milliseconds. */
  constructor(memory: number, most: number, mostOctets: number) {
    this.#kept = new binding.KeptAnswers(most, mostOctets);
    this.#memory = memory;
  }

  get size(): number {
    return this.#kept.size();
  }

  get(key: string): Completed | undefined {
    const found = this.#kept.get(key);
    return found && { octets: toOctets(found[0]), way: found[1] };
  }

  /** What may still be asked for, for the next process. */
  moving(): readonly MovingAnswer[] {
    const now = performance.now();
    const recent = this.#kept.all(now + this.#memory - Const.asksAgainMs);
    return recent.map(([key, octets, flow, until]) => ({ key, octets, flow, left: until - now }));
  }

  goOn({ key, octets, flow, left }: MovingAnswer): void {
    this.add(key, toOctets(octets), flow, left);
  }

  /** `memory`: milliseconds that are left. */
  add(key: string, octets: Uint8Array, way: string, memory = this.#memory): void {
    this.#kept.add(key, octets, way, performance.now() + memory);
    this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    setTimeout(() => this.#sweep(), Math.min(SWEEP_MS, this.#memory)).unref();
  }

  #sweep(): void {
    this.#isSweeping = false;
    this.#kept.sweep(performance.now());
    if (this.size > 0) this.#sweepLater();
  }
}
