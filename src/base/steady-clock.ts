/** Milliseconds since the epoch: the wall clock once, then a clock that nobody sets. For moments that lie in the future. */
const offset = Date.now() - performance.now();

export function steadyNow(): number {
  return Math.round(offset + performance.now());
}
