/** All receivers of SLUICE_WEBHOOKS, and the file that says how far each of them is, so that nobody misses what happened around a restart. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../base/replace-file.js";
import type { Config } from "../config/config.js";
import type { Log } from "../observe/log.js";
import type { History } from "./history.js";
import type { Journal } from "./journal.js";
import type { Receiver } from "./receiver.js";
import type { Place } from "./segments.js";

/** A crash repeats what was delivered in so many milliseconds. */
const NOTE_MS = 1_000;

export class Webhooks {
  readonly #config: Config;
  readonly #history: History;
  readonly #journal: Journal;
  readonly #secret: string;
  readonly #log: Log;
  readonly #path: string;
  #receivers: readonly Receiver[] = [];
  #unwatch: () => void = () => undefined;
  #noting: NodeJS.Timeout | undefined;

  private constructor(config: Config, history: History, journal: Journal, secret: string, log: Log) {
    this.#config = config;
    this.#history = history;
    this.#journal = journal;
    this.#secret = secret;
    this.#log = log;
    this.#path = join(config.stateDir, "history", "webhooks.json");
  }

  /** Undefined: there are none. */
  static of(config: Config, history: History, log: Log): Webhooks | undefined {
    const { journal } = history;
    const { webhooks, webhookSecret } = config;
    return webhooks.length === 0 || journal === undefined || webhookSecret === undefined ? undefined : new Webhooks(config, history, journal, webhookSecret, log);
  }

  get receivers(): readonly Receiver[] {
    return this.#receivers;
  }

  /** How many octets of the history are before each receiver. */
  behind({ place }: Receiver): number {
    return this.#journal.segments.after(place);
  }

  async start(): Promise<void> {
    // HTTP and TLS are loaded only where they are used.
    const { Receiver: Opened } = await import("./receiver.js");
    const places = this.#read();
    await this.#journal.written();
    const { end } = this.#journal;
    this.#receivers = this.#config.webhooks.map(
      (webhook) => new Opened({ webhook, secret: this.#secret, journal: this.#journal, place: places[nameOf(webhook.url)] ?? end, log: this.#log, onMove: () => this.#noteSoon() }),
    );
    // A new receiver begins here, even if the process dies at once.
    this.#note();
    this.#unwatch = this.#history.follow(() => this.#wake());
    this.#journal.onRecovery = () => this.#wake();
    this.#wake();
  }

  async close(): Promise<void> {
    this.#unwatch();
    clearTimeout(this.#noting);
    await Promise.all(this.#receivers.map((receiver) => receiver.close()));
    if (this.#receivers.length > 0) this.#note();
  }

  #wake(): void {
    for (const receiver of this.#receivers) receiver.wake();
  }

  #noteSoon(): void {
    this.#noting ??= setTimeout(() => {
      this.#noting = undefined;
      this.#note();
    }, NOTE_MS).unref();
  }

  #read(): Readonly<Record<string, Place | undefined>> {
    try {
      return JSON.parse(readFileSync(this.#path, "utf8")) as Readonly<Record<string, Place>>;
    } catch {
      return {};
    }
  }

  #note(): void {
    const places = Object.fromEntries(this.#receivers.map(({ url, place }) => [nameOf(url), place]));
    try {
      replaceFile(this.#path, `${JSON.stringify(places)}\n`);
    } catch {
      // The journal reports a folder that cannot be written; events are then delivered twice.
    }
  }
}

/** The URL may hold a secret. */
function nameOf(url: string): string {
  return createHash("sha256").update(url).digest("base64url").slice(0, 16);
}
