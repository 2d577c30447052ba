/** Every sub-command, in the order of the help. Only what the one that is asked for needs is loaded: all of them take a third of the time that Node itself needs to start. */
import type { Command } from "./command.js";

const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import("./configuration.js")).start,
  "check-config": async () => (await import("./configuration.js")).checkConfig,
  "print-config": async () => (await import("./configuration.js")).printConfiguration,
  status: async () => (await import("./asking.js")).status,
  top: async () => (await import("./top.js")).top,
  flows: async () => (await import("./asking.js")).flows,
  where: async () => (await import("./asking.js")).where,
  silent: async () => (await import("./asking.js")).silent,
  "top-talkers": async () => (await import("./asking.js")).topTalkers,
  flappers: async () => (await import("./asking.js")).flappers,
  refused: async () => (await import("./asking.js")).refused,
  bindings: async () => (await import("./asking.js")).bindings,
  history: async () => (await import("./asking.js")).history,
  token: async () => (await import("./asking.js")).token,
  trace: async () => (await import("./trace.js")).trace,
  drain: async () => (await import("./asking.js")).drain,
  reload: async () => (await import("./asking.js")).reload,
  upgrade: async () => (await import("./asking.js")).upgrade,
  keys: async () => (await import("./asking.js")).keys,
  ban: async () => (await import("./asking.js")).ban,
  log: async () => (await import("./asking.js")).log,
  doctor: async () => (await import("./doctor.js")).doctor,
  probe: async () => (await import("./probe.js")).probe,
};

export const commandNames: readonly string[] = Object.keys(loaders);

/** Undefined: there is no such command. */
export function loadCommand(name: string): Promise<Command> | undefined {
  return Object.hasOwn(loaders, name) ? loaders[name]?.() : undefined;
}

export function loadCommands(): Promise<readonly Command[]> {
  return Promise.all(Object.values(loaders).map((load) => load()));
}
