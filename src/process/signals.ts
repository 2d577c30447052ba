/** SIGTERM, SIGINT and SIGHUP from the first line of the program on: signals that arrive before anyone listens are kept. */

export type EndSignal = "SIGTERM" | "SIGINT";

type Listener = (signal: EndSignal | "SIGHUP") => void;

const early: (EndSignal | "SIGHUP")[] = [];
let listener: Listener = (signal) => void early.push(signal);

/** Without this the first signal would end the process, whatever it is doing. */
export function catchSignals(): void {
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => listener(name));
}

export function onSignal(next: Listener): void {
  listener = next;
  for (const signal of early.splice(0)) next(signal);
}
