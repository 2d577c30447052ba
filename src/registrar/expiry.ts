/** How long a binding lives (RFC 3261 10.3 step 7, 20.10 and 20.19). */
import type { RegistrarOptions } from "./registrar-options.js";
import { refuse } from "./register-refusal.js";

const MAX_SECONDS = 0xffff_ffff;
/** Replaces an invalid value (RFC 3261 20.10), and is the time from which a REGISTER must not be refused as too brief. */
const HOUR = 3_600;

/** Seconds that an `expires` parameter or an Expires header asks for; undefined: absent. */
export function readExpires(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d+$/.test(value)) return HOUR;
  return Math.min(Number(value), MAX_SECONDS);
}

type Limits = Pick<RegistrarOptions, "minExpires" | "maxExpires" | "expiresJitterPercent">;

/** What `secondsFor` returns to refuse with 423. */
export const TOO_BRIEF = -1;

/** Refuses too brief a time with 423. */
export function grantExpires(asked: number, limits: Limits): number {
  const seconds = secondsFor(asked, limits, Math.random());
  return seconds === TOO_BRIEF ? refuse(423, "Interval Too Brief", [["Min-Expires", String(limits.minExpires)]]) : seconds;
}

/** Seconds to grant; 0 removes. `chance` is from 0 to 1. */
export function secondsFor(asked: number, { minExpires, maxExpires, expiresJitterPercent }: Limits, chance: number): number {
  if (asked === 0) return 0;
  if (asked < minExpires && asked < HOUR) return TOO_BRIEF;
  const most = Math.min(asked, maxExpires);
  const taken = Math.floor((most * expiresJitterPercent * chance) / 100);
  return Math.max(most - taken, Math.min(most, minExpires), 1);
}
