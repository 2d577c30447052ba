/** The drain of all shards together: how far it is, and its end even if a shard hangs. Time passes for it only while it is not paused. */
const WATCH_MS = 250;
/** Extra time for the shards. */
const PATIENCE_MS = 5_000;

/** `seconds`: until it is done at the latest. */
export interface DrainState {
  readonly isPaused: boolean;
  readonly connections: number;
  readonly seconds: number;
}

export class DrainWatch {
  /** True: all shards are done, or the time is up; false: it was called off. */
  readonly done: Promise<boolean>;
  isPaused = false;
  readonly #seconds: number;
  readonly #rate: number;
  readonly #connections: () => number;
  readonly #timer: NodeJS.Timeout;
  #resolve!: (isDone: boolean) => void;
  #passed = 0;
  /** When it began to count. */
  #first: number | undefined;

  /** `rate`: connections closed a second once requests are done, 0: all at once. */
  constructor(seconds: number, rate: number, connections: () => number) {
    this.#seconds = seconds;
    this.#rate = rate;
    this.#connections = connections;
    this.done = new Promise<boolean>((resolve) => (this.#resolve = resolve));
    this.#timer = setInterval(() => this.#look(), WATCH_MS);
  }

  end(isDone: boolean): void {
    clearInterval(this.#timer);
    this.#resolve(isDone);
  }

  get state(): DrainState {
    const connections = this.#connections();
    return { isPaused: this.isPaused, connections, seconds: Math.ceil(Math.max(0, this.#seconds - this.#passed / 1_000) + this.#closing(connections)) };
  }

  #look(): void {
    if (this.isPaused) return;
    this.#passed += WATCH_MS;
    this.#first ??= this.#connections();
    if (this.#passed > (this.#seconds + this.#closing(this.#first)) * 1_000 + PATIENCE_MS) this.end(true);
  }

  /** Seconds that it takes to close so many. */
  #closing(connections: number): number {
    return this.#rate === 0 ? 0 : connections / this.#rate;
  }
}
