/** The WebSocket of dashboards and of `sluice top` and `trace`: numbers once a second, traced messages as they come. */
import type { Control } from "./control.js";
import type { TracedMessage, Tracer } from "./tracer.js";
import type { TemplatedApp, WebSocket } from "./uws.js";

const NUMBERS = "numbers";
const INTERVAL_MS = 1_000;
// A reader that is slower than that loses messages; it never slows the process down.
const MOST_WAITING = 1 << 20;

type Client = WebSocket<object>;

export class Live {
  readonly #app: TemplatedApp;
  readonly #control: Control;
  readonly #clients = new Set<Client>();
  readonly #timer: NodeJS.Timeout;
  readonly #unwatch: () => void;

  constructor(app: TemplatedApp, control: Control, tracer: Tracer) {
    this.#app = app;
    this.#control = control;
    this.#timer = setInterval(() => this.#numbers(), INTERVAL_MS);
    this.#unwatch = tracer.watch((trace, messages) => this.#messages(trace, messages));
  }

  opened(client: Client): void {
    this.#clients.add(client);
    client.subscribe(NUMBERS);
    client.send(this.#numbersText());
  }

  closed(client: Client): void {
    this.#clients.delete(client);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unwatch();
    for (const client of [...this.#clients]) client.end(1001, "the edge ends");
  }

  #numbers(): void {
    if (this.#clients.size > 0) this.#app.publish(NUMBERS, this.#numbersText());
  }

  #numbersText(): string {
    return JSON.stringify({ kind: "status", status: this.#control.status.read() });
  }

  #messages(trace: string, messages: readonly TracedMessage[]): void {
    if (this.#clients.size === 0) return;
    const text = JSON.stringify({ kind: "messages", trace, messages });
    for (const client of this.#clients) if (client.getBufferedAmount() < MOST_WAITING) client.send(text);
  }
}
