/** Every sub-command, in the order of the help. */
import { bindings } from "./bindings.js";
import type { Command } from "./command.js";
import { checkConfig, printConfiguration, start } from "./configuration.js";
import { flows } from "./flows.js";
import { ban, drain, keys, log, reload } from "./orders.js";
import { status } from "./status.js";
import { token } from "./token.js";

export const commands: readonly Command[] = [
  start, checkConfig, printConfiguration, status, flows, bindings, token, drain, reload, keys, ban, log,
];
