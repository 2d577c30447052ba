/** What a vitest worker must not leave behind, whether it ends by itself or by the SIGTERM that vitest sends. */
const steps: (() => void)[] = [];

/** A step cannot wait for anything. */
export function atEnd(step: () => void): void {
  steps.push(step);
}

function end(): void {
  for (const step of steps.splice(0)) step();
}

process.once("exit", end);
process.once("SIGTERM", () => {
  end();
  // vitest replaces process.exit.
  process.kill(process.pid, "SIGKILL");
});
