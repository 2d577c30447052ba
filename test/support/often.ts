/** How often a test repeats something: a tenth of its number, or all of it in `npm run test:long` (TEST_SHARE=1). */
const given = process.env["TEST_SHARE"];

/** `share`: what `npm test` repeats of it, if less than a tenth tells as much. */
export function often(times: number, share = 0.1): number {
  return Math.max(1, Math.ceil(times * (given === undefined ? share : Number(given))));
}
