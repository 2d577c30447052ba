/** The metrics of the history and of the webhooks. */
import { KINDS } from "../history/event.js";
import { Counter } from "../native/layout.js";
import type { RunningMetric } from "./process-metrics.js";
import type { Running } from "./running.js";

const receivers = (running: Running, value: (receiver: NonNullable<Running["webhooks"]>["receivers"][number]) => number): readonly (readonly [string, number])[] =>
  (running.webhooks?.receivers ?? []).map((receiver, at) => [String(at + 1), value(receiver)]);
const RECEIVER = { label: "receiver", labels: "its place in SLUICE_WEBHOOKS" } as const;

/** All counters of the shards that these use. */
export const HISTORY_COUNTERS: readonly number[] = [Counter.newsLost, Counter.newsSuppressed];

export const historyMetrics: readonly RunningMetric[] = [
  { name: "history_events_total", help: "Events for the history, by kind.", label: "kind", labels: KINDS.join(", "), read: ({ history }) => [...history.counts] },
  {
    name: "history_lost_total",
    help: "Events that are not in the history: for lack of room in a queue, or because there were too many failed calls or logins, or too many events of one source or address of record.",
    label: "reason",
    labels: "room, source",
    read: ({ history, pool }) => [["room", history.lost.room + Number(pool.seats.counter(Counter.newsLost))], ["source", history.lost.source + Number(pool.seats.counter(Counter.newsSuppressed))]],
  },
  { name: "history_up", help: "1 while the history can be written, or if there is none.", gauge: true, read: ({ history: { journal } }) => [["", Number(journal === undefined || journal.fault === "")]] },
  { name: "history_bytes", help: "Octets of the history on disk.", gauge: true, read: ({ history: { journal } }) => [["", journal?.octets ?? 0]] },
  { name: "webhook_up", help: "1 while the receiver accepts events.", gauge: true, ...RECEIVER, read: (running) => receivers(running, ({ isUp }) => Number(isUp)) },
  { name: "webhook_delivered_total", help: "Events that the receiver accepted.", ...RECEIVER, read: (running) => receivers(running, ({ counts }) => counts.delivered) },
  { name: "webhook_refused_total", help: "Events that the receiver answered with 400, 413 or 422, which are not sent again.", ...RECEIVER, read: (running) => receivers(running, ({ counts }) => counts.refused) },
  { name: "webhook_attempts_failed_total", help: "Attempts that failed and are repeated.", ...RECEIVER, read: (running) => receivers(running, ({ counts }) => counts.attemptsFailed) },
  { name: "webhook_gaps_total", help: "Times that the receiver was so far behind that events were deleted before it had them.", ...RECEIVER, read: (running) => receivers(running, ({ counts }) => counts.gaps) },
  { name: "webhook_behind_bytes", help: "Octets of the history that the receiver has yet to get.", gauge: true, ...RECEIVER, read: (running) => receivers(running, (receiver) => running.webhooks?.behind(receiver) ?? 0) },
];
