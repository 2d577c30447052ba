/** What a test needs of a running server, wherever it runs. */
export interface Server {
  /** Everything it has written to its log so far. */
  readonly output: string;
  readonly pid: number;
  readonly isRunning: boolean;
  readonly exitCode: number | null;
  /** Resolves when it should answer, or when it has ended. */
  up(): Promise<void>;
  signal(name: NodeJS.Signals): void;
  exited(): Promise<number | null>;
  /** As an operator stops it. */
  stop(): Promise<void>;
  /** Like a crash. */
  kill(): Promise<void>;
  /** Ends what is left of it without waiting. */
  abandon(): void;
}
