/** When a client that got 503 may come back (RFC 3261 20.33). */

// Seconds.
const LEAST = 5;
const SPAN = 10;

/** A header line; random, so that clients do not all come back at once. */
export function retryAfter(): readonly [name: string, value: string] {
  return ["Retry-After", String(LEAST + Math.floor(Math.random() * SPAN))];
}
