/** Who waits when there are too few cores for server, phones and attackers: the attackers, so that the phones measure the server and not the scheduler. */
import { setPriority } from "node:os";

/** Nice values. A good one needs rights; without them the phones run as everyone else. */
export const PHONES_FIRST = -10;
export const ATTACKERS_LAST = 10;

export function runAt(nice) {
  try {
    setPriority(nice);
  } catch {
    // Not root: the figures are a little worse.
  }
}
