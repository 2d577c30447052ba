/** Milliseconds of CPU that a function takes: unlike the clock, this does not count what other programs do meanwhile. */
export function cpuTime(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
