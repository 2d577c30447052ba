/** Notifies systemd (sd_notify(3)): ready, status, watchdog, stopping. */
import { binding } from "../native/load.js";

const STATUS_MS = 10_000;

export class ServiceManager {
  readonly #status: () => string;
  readonly #isWell: () => boolean;
  readonly #timers: NodeJS.Timeout[] = [];

  /** `status`: one line for `systemctl status`. `isWell`: whether it still does its work; systemd restarts a process that was not well for WatchdogSec. */
  constructor(status: () => string, isWell: () => boolean) {
    this.#status = status;
    this.#isWell = isWell;
  }

  static get isPresent(): boolean {
    return process.env["NOTIFY_SOCKET"] !== undefined;
  }

  ready(): void {
    this.close();
    if (!binding.sdNotify(`READY=1\nSTATUS=${this.#status()}`)) return;
    this.#every(STATUS_MS, () => `STATUS=${this.#status()}`);
    const watchdog = Number(process.env["WATCHDOG_USEC"] ?? 0) / 1_000;
    if (watchdog > 0) this.#every(watchdog / 2, () => (this.#isWell() ? "WATCHDOG=1" : `STATUS=${this.#status()}`));
  }

  /** Another process is the main one. Only the one that was may say so (NotifyAccess=main); from now on it says nothing. */
  handOver(pid: number): void {
    this.close();
    binding.sdNotify(`MAINPID=${pid}`);
  }

  stopping(): void {
    binding.sdNotify(`STOPPING=1\nSTATUS=${this.#status()}`);
  }

  close(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #every(milliseconds: number, line: () => string): void {
    this.#timers.push(setInterval(() => binding.sdNotify(line()), milliseconds).unref());
  }
}
