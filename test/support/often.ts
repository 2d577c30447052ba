/** How often a test repeats something: a tenth of its number, or all of it in `npm run test:long` (TEST_SHARE=1). */
const share = Number(process.env["TEST_SHARE"] ?? "0.1");

export function often(times: number): number {
  return Math.max(1, Math.ceil(times * share));
}
