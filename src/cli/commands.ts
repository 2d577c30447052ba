/** Every sub-command, in the order of the help. Only the one that is asked for is loaded: all of them take a third of the time that Node itself needs to start. */
import type { Command } from "./command.js";

const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import("./configuration.js")).start,
  "check-config": async () => (await import("./configuration.js")).checkConfig,
  "print-config": async () => (await import("./configuration.js")).printConfiguration,
  status: async () => (await import("./status.js")).status,
  top: async () => (await import("./top.js")).top,
  flows: async () => (await import("./flows.js")).flows,
  where: async () => (await import("./where.js")).where,
  silent: async () => (await import("./lists.js")).silent,
  "top-talkers": async () => (await import("./lists.js")).topTalkers,
  flappers: async () => (await import("./lists.js")).flappers,
  refused: async () => (await import("./lists.js")).refused,
  bindings: async () => (await import("./bindings.js")).bindings,
  history: async () => (await import("./history.js")).history,
  token: async () => (await import("./token.js")).token,
  trace: async () => (await import("./trace.js")).trace,
  drain: async () => (await import("./orders.js")).drain,
  reload: async () => (await import("./orders.js")).reload,
  upgrade: async () => (await import("./orders.js")).upgrade,
  keys: async () => (await import("./orders.js")).keys,
  ban: async () => (await import("./orders.js")).ban,
  log: async () => (await import("./orders.js")).log,
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
