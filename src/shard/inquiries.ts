/** Questions to shards that wait for their answers. */
import type { Answers, Question } from "./questions.js";
import type { Seats } from "./seats.js";

const ANSWER_MS = 10_000;

interface Asked {
  readonly shard: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Inquiries {
  readonly #seats: Seats;
  readonly #asked = new Map<number, Asked>();
  #last = 0;

  constructor(seats: Seats) {
    this.#seats = seats;
  }

  /** Rejects when the shard is gone or does not answer in time. */
  ask<Kind extends Question["kind"]>(shard: number, question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    const seat = this.#seats.all[shard];
    if (seat?.thread === undefined || !seat.isAlive) return Promise.reject(new Error(`shard ${shard} does not run`));
    const { thread } = seat;
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.refused(id, `shard ${shard} does not answer`), ANSWER_MS);
      const done = (): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
      };
      this.#asked.set(id, {
        shard,
        resolve: (answer) => {
          done();
          resolve(answer as Answers[Kind]);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      thread.tell({ kind: "ask", id, question });
    });
  }

  /** Asks the first running shard, for facts that all of them know. */
  askAny<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
    return this.ask(this.#seats.running[0] ?? 0, question);
  }

  /** The answers of the running shards, by their number. */
  async askAll<Kind extends Question["kind"]>(question: Extract<Question, { kind: Kind }>): Promise<readonly { readonly shard: number; readonly answer: Answers[Kind] }[]> {
    return Promise.all(this.#seats.running.map(async (shard) => ({ shard, answer: await this.ask(shard, question) })));
  }

  /** Resolves when the running shards have carried out every order so far. One that dies meanwhile gets its orders at its next start. */
  async carriedOut(): Promise<void> {
    await Promise.allSettled(this.#seats.running.map((shard) => this.ask(shard, { kind: "orders" })));
  }

  answered(id: number, answer: unknown): void {
    this.#asked.get(id)?.resolve(answer);
  }

  refused(id: number, reason: string): void {
    this.#asked.get(id)?.reject(new Error(reason));
  }

  /** The shard will not answer. */
  giveUp(shard: number, why: string): void {
    for (const asked of [...this.#asked.values()]) if (asked.shard === shard) asked.reject(new Error(`shard ${shard} ${why}`));
  }
}
