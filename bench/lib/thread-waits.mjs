/** How long a thread was ready to run, but its processor did something else: what the kernel adds up in schedstat. */
import { readFileSync, readdirSync } from "node:fs";

const EVERY_MS = 10;

export function threadsOf(pid) {
  return readdirSync(`/proc/${pid}/task`);
}

/** The one that has used most CPU, the first thread left out: after a load, that of the shard. */
export function busiestThread(pid) {
  const others = threadsOf(pid).filter((thread) => thread !== String(pid));
  const costs = new Map(others.map((thread) => [thread, statOf(pid, thread).cpu]));
  return others.sort((one, other) => costs.get(other) - costs.get(one))[0];
}

/** Nanoseconds of CPU and of waiting, and how often it ran. */
function statOf(pid, thread) {
  const [cpu, waited, times] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").trim().split(" ").map(Number);
  return { cpu, waited, times };
}

/** Watches from its making on. */
export class WaitWatch {
  #of;
  #first;
  #last;
  #longest = 0;
  #timer;

  constructor(pid, thread) {
    this.#of = () => statOf(pid, thread);
    this.#first = this.#last = this.#of();
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  #look() {
    const now = this.#of();
    this.#longest = Math.max(this.#longest, now.waited - this.#last.waited);
    this.#last = now;
  }

  /** In seconds; `longest`: of the waiting within ten milliseconds. */
  stop() {
    clearInterval(this.#timer);
    this.#look();
    const { cpu, waited, times } = this.#first;
    return { cpu: (this.#last.cpu - cpu) / 1e9, waited: (this.#last.waited - waited) / 1e9, times: this.#last.times - times, longest: this.#longest / 1e9 };
  }
}
