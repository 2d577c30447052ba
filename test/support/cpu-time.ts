/** Milliseconds of CPU that a function takes: unlike wall time, this excludes what other programs do. */
export function cpuTime(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
