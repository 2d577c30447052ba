/** Questions to shards that wait for their answers. */
import type { Answers, Question } from "./questions.js";
import type { ShardThread } from "./shard-thread.js";

const ANSWER_MS = 10_000;

interface Asked {
  readonly shard: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Inquiries {
  readonly #asked = new Map<number, Asked>();
  #last = 0;

  /** Rejects when the shard does not answer in time. */
  ask<Kind extends Question["kind"]>(shard: number, thread: ShardThread, question: Extract<Question, { kind: Kind }>): Promise<Answers[Kind]> {
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
