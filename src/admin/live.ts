/** The WebSocket of dashboards and of `sluice history --follow`: numbers once a second; traced messages and events of the history as they come. */
import type { Control } from "./control.js";
import type { HistoryEvent } from "../history/event.js";
import type { History } from "../history/history.js";
import type { TracedMessage, Tracer } from "./tracer.js";
import type { WebClient } from "./web/web-server.js";

const INTERVAL_MS = 1_000;
// A slower reader loses messages; it never slows the process down.
const MAX_WAITING = 1 << 20;
const MAX_EVENTS = 500;

export class Live {
  readonly #control: Control;
  readonly #clients = new Set<WebClient>();
  readonly #timer: NodeJS.Timeout;
  readonly #history: History;
  readonly #unwatch: () => void;
  #unwatchHistory: (() => void) | undefined;

  constructor(control: Control, tracer: Tracer, history: History) {
    this.#control = control;
    this.#history = history;
    this.#timer = setInterval(() => this.#numbers(), INTERVAL_MS);
    this.#unwatch = tracer.watch((trace, messages) => this.#messages(trace, messages));
  }

  opened(client: WebClient): void {
    this.#clients.add(client);
    this.#unwatchHistory ??= this.#history.watch((events) => this.#events(events));
    client.send(this.#numbersText());
  }

  closed(client: WebClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#watchNoHistory();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unwatch();
    this.#watchNoHistory();
    for (const client of [...this.#clients]) client.end(1001, "the edge ends");
  }

  #watchNoHistory(): void {
    this.#unwatchHistory?.();
    this.#unwatchHistory = undefined;
  }

  #numbers(): void {
    if (this.#clients.size > 0) this.#send(this.#numbersText());
  }

  #numbersText(): string {
    return JSON.stringify({ kind: "status", status: this.#control.status.read() });
  }

  #messages(trace: string, messages: readonly TracedMessage[]): void {
    if (this.#clients.size === 0) return;
    this.#send(JSON.stringify({ kind: "messages", trace, messages }));
  }

  #events(events: readonly HistoryEvent[]): void {
    for (let at = 0; at < events.length && this.#clients.size > 0; at += MAX_EVENTS) this.#send(JSON.stringify({ kind: "events", events: events.slice(at, at + MAX_EVENTS) }));
  }

  #send(text: string): void {
    for (const client of this.#clients) if (client.waiting() < MAX_WAITING) client.send(text);
  }
}
