/** The signals of an operator from the first line of the program on: those that arrive before anyone listens are kept. */

export type EndSignal = "SIGTERM" | "SIGINT";
/** SIGHUP reads the configuration again, SIGUSR2 lets a new process take over. */
export type OrderSignal = EndSignal | "SIGHUP" | "SIGUSR2";

type Listener = (signal: OrderSignal) => void;

const early: OrderSignal[] = [];
let listener: Listener = (signal) => void early.push(signal);

/** Without this the first signal would end the process, whatever it is doing. */
export function catchSignals(): void {
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR2"] as const) process.on(name, () => listener(name));
}

export function onSignal(next: Listener): void {
  listener = next;
  for (const signal of early.splice(0)) next(signal);
}
