/** An event in words, and the times that an operator writes. */
import type { HistoryEvent } from "../history/event.js";
import { CommandError, Exit } from "./command.js";
import { span } from "./output.js";

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** "", or milliseconds since 1970. */
export function timeOf(option: string, text: string | undefined, now: number): string {
  if (text === undefined) return "";
  const [, count, unit = ""] = /^(\d{1,6}) ?(s|m|min|h|d)$/.exec(text) ?? [];
  if (count !== undefined) return String(now - Number(count) * (UNITS[unit] ?? 0));
  // A date alone would be taken as UTC.
  const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text);
  if (Number.isNaN(time)) throw new CommandError(Exit.usage, `--${option}: expected a time such as 2026-11-28T22:00, or 30m, 12h or 2d ago`);
  return String(time);
}

export function wordsOf(event: HistoryEvent): { readonly who: string; readonly words: string } {
  const { kind, aor, from, to, callId, contact, instance, regId, address, status, reason, hop, why, user, userAgent, lastedMs, seconds, shard, version, before } = event;
  const join = (...parts: readonly (string | undefined | false)[]): string => parts.filter((part) => part !== undefined && part !== false && part !== "").join(", ");
  switch (kind) {
    case "registered":
    case "moved":
    case "expired":
    case "removed":
      return { who: aor ?? "", words: join(contact ?? address, instance, regId !== undefined && `reg-id ${regId}`, userAgent, why) };
    case "flow-dead":
      return { who: aor ?? "", words: join(address, why, lastedMs !== undefined && `after ${span(lastedMs)}`) };
    case "call-failed":
      return { who: `${from ?? "?"} → ${to ?? "?"}`, words: join(`${status ?? "?"} ${reason ?? ""} from ${hop ?? "?"}`, why, `Call-ID ${callId ?? "?"}`) };
    case "login-failed":
      return { who: user ?? "", words: join(address, why) };
    case "banned":
    case "ban-ended":
      return { who: address ?? "", words: join(seconds !== undefined && `for ${span(seconds * 1_000)}`, why) };
    case "upstream-down":
    case "upstream-up":
      return { who: address ?? "", words: "" };
    case "shard-lost":
      return { who: `shard ${shard ?? "?"}`, words: why ?? "" };
    case "started":
      return { who: `Sluice ${version ?? ""}`, words: join(before !== undefined && `upgraded from ${before}`, why) };
    case "stopped":
      return { who: `Sluice ${version ?? ""}`, words: why ?? "" };
  }
}
