/**
 * One receiver of events: reads the history from where it is, posts what it should get, and moves on when that was accepted. While the receiver
 * fails, one request at a time tries it, with pauses that double; when it works, the number of requests at once doubles.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/message-of.js";
import type { Webhook } from "../config/webhook.js";
import type { Log } from "../observe/log.js";
import { CONTENT_TYPE, DELIVERED, cloudEvent, signature } from "./cloud-event.js";
import type { HistoryEvent } from "./event.js";
import { follow } from "./follow.js";
import type { Journal } from "./journal.js";
import { Poster } from "./post.js";
import type { Place } from "./segments.js";

const MAX_AT_ONCE = 16;
const MAX_READ = 64;
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 60_000;

export interface ReceiverOptions {
  readonly webhook: Webhook;
  readonly secret: string;
  readonly journal: Journal;
  /** Where it left off. */
  readonly place: Place;
  readonly log: Log;
  /** It has moved on. */
  readonly onMove: () => void;
  readonly firstPauseMs?: number;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #poster: Poster;
  readonly #end = new AbortController();
  #place: Place;
  #atOnce = 1;
  #failures = 0;
  #delivered = 0;
  #refused = 0;
  #attemptsFailed = 0;
  #gaps = 0;
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isWanted = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#place = options.place;
    this.#poster = new Poster(options.webhook.url, MAX_AT_ONCE);
  }

  get url(): string {
    return this.#options.webhook.url;
  }

  get origin(): string {
    return this.#options.webhook.origin;
  }

  get place(): Place {
    return this.#place;
  }

  /** Events delivered, refused by the receiver for good, and attempts that failed; how often it was so far behind that events were gone. */
  get counts(): { readonly delivered: number; readonly refused: number; readonly attemptsFailed: number; readonly gaps: number } {
    return { delivered: this.#delivered, refused: this.#refused, attemptsFailed: this.#attemptsFailed, gaps: this.#gaps };
  }

  /** Whether the last attempt was accepted, or there was none yet. */
  get isUp(): boolean {
    return this.#failures === 0;
  }

  /** There may be something new. */
  wake(): void {
    this.#isWanted = true;
    if (this.#isRunning || this.#end.signal.aborted) return;
    this.#isRunning = true;
    this.#running = this.#run()
      .catch((error: unknown) => this.#options.log.error({ err: error, webhook: this.origin }, "a webhook cannot go on"))
      .finally(() => (this.#isRunning = false));
  }

  /** What was not accepted yet is delivered after the next start. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#poster.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { journal, onMove } = this.#options;
    while (this.#isWanted && !this.#end.signal.aborted) {
      this.#isWanted = false;
      await journal.written();
      for (;;) {
        const { events, next, hasGap } = await follow(journal.segments, this.#place, MAX_READ);
        if (hasGap) this.#gaps += 1;
        if (next.segment === this.#place.segment && next.offset === this.#place.offset) break;
        if (!(await this.#deliver(events.filter(({ kind }) => DELIVERED.has(kind))))) return;
        this.#place = next;
        onMove();
      }
    }
  }

  /** Until all were accepted; false: we end. */
  async #deliver(events: readonly HistoryEvent[]): Promise<boolean> {
    let left = events;
    for (let attempt = 0; left.length > 0; ) {
      const tried = left.slice(0, this.#atOnce);
      const reasons = await Promise.all(tried.map((event) => this.#try(event)));
      if (this.#end.signal.aborted) return false;
      left = [...tried.filter((_, at) => reasons[at] !== undefined), ...left.slice(tried.length)];
      const reason = reasons.find((one) => one !== undefined);
      if (reason === undefined) {
        attempt = 0;
        this.#worked();
      } else {
        this.#failed(reason);
        await this.#pause(attempt);
        attempt += 1;
      }
    }
    return !this.#end.signal.aborted;
  }

  /** Random, so that many senders do not come back together. */
  async #pause(attempt: number): Promise<void> {
    const { firstPauseMs = FIRST_PAUSE_MS } = this.#options;
    const most = Math.min(firstPauseMs * 2 ** attempt, MAX_PAUSE_MS);
    await sleep(most * (0.5 + Math.random() / 2), undefined, { signal: this.#end.signal, ref: false }).catch(() => undefined);
  }

  /** Undefined: the receiver has it, or does not want it. */
  async #try(event: HistoryEvent): Promise<string | undefined> {
    const { id } = event;
    const body = cloudEvent(event);
    const seconds = Math.floor(Date.now() / 1_000);
    const headers = { "content-type": CONTENT_TYPE, "user-agent": "sluice", "webhook-id": id, "webhook-timestamp": String(seconds), "webhook-signature": signature(this.#options.secret, id, seconds, body) };
    try {
      const status = await this.#poster.post(headers, body);
      if (status >= 200 && status < 300) {
        this.#delivered += 1;
        return undefined;
      }
      // It would refuse this event for ever, and the others would wait behind it.
      if (status === 400 || status === 413 || status === 422) {
        this.#refused += 1;
        return undefined;
      }
      this.#attemptsFailed += 1;
      return `HTTP status ${status}`;
    } catch (error) {
      this.#attemptsFailed += 1;
      return messageOf(error);
    }
  }

  #worked(): void {
    if (this.#failures > 0) this.#options.log.info({ webhook: this.origin }, "a webhook is accepted again");
    this.#failures = 0;
    this.#atOnce = Math.min(this.#atOnce * 2, MAX_AT_ONCE);
  }

  #failed(reason: string): void {
    if (this.#failures === 0) this.#options.log.warn({ webhook: this.origin, reason }, "a webhook is not accepted: its events wait, and are tried again");
    this.#failures += 1;
    this.#atOnce = 1;
  }
}
