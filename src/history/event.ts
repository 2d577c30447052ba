/** What the history keeps, webhooks deliver and the live stream shows: rare things that somebody may ask about tomorrow. */

export const KINDS = [
  "registered", "moved", "expired", "removed", "flow-dead", "call-failed", "login-failed", "banned", "ban-ended", "upstream-down", "upstream-up", "shard-lost", "started", "stopped",
] as const;

export type Kind = (typeof KINDS)[number];

interface Facts {
  /** The address of record that it is about. */
  readonly aor: string;
  readonly instance: string;
  readonly regId: number;
  readonly contact: string;
  readonly userAgent: string;
  /** The other end: a client, a source, an upstream, a banned network. */
  readonly address: string;
  readonly callId: string;
  readonly from: string;
  readonly to: string;
  readonly status: number;
  readonly reason: string;
  /** Who answered a call with this failure: an address, or "sluice". */
  readonly hop: string;
  readonly user: string;
  readonly why: string;
  readonly lastedMs: number;
  readonly seconds: number;
  readonly shard: number;
  readonly version: string;
  /** The version that ran before. */
  readonly before: string;
}

/** What is not known is absent. */
export type Happening = {
  readonly kind: Kind;
  /** Milliseconds since 1970. */
  readonly at: number;
} & { readonly [Name in keyof Facts]?: Facts[Name] | undefined };

export type HistoryEvent = Happening & {
  /** Names it for ever, across restarts. */
  readonly id: string;
};

/** Undefined: the line is damaged. */
export function readEvent(line: string): HistoryEvent | undefined {
  try {
    const event = JSON.parse(line) as Partial<HistoryEvent> | null;
    const isSound = typeof event === "object" && event !== null && typeof event.id === "string" && typeof event.at === "number" && KINDS.includes(event.kind as Kind);
    return isSound ? (event as HistoryEvent) : undefined;
  } catch {
    return undefined;
  }
}
