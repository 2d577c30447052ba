/** Every sub-command, in the order of the help. */
import { bindings } from "./bindings.js";
import type { Command } from "./command.js";
import { checkConfig, printConfiguration, start } from "./configuration.js";
import { doctor } from "./doctor.js";
import { flows } from "./flows.js";
import { history } from "./history.js";
import { flappers, refused, silent, topTalkers } from "./lists.js";
import { ban, drain, keys, log, reload, upgrade } from "./orders.js";
import { probe } from "./probe.js";
import { status } from "./status.js";
import { token } from "./token.js";
import { top } from "./top.js";
import { trace } from "./trace.js";
import { where } from "./where.js";

export const commands: readonly Command[] = [
  start, checkConfig, printConfiguration, status, top, flows, where, silent, topTalkers, flappers, refused, bindings, history, token, trace, drain, reload, upgrade, keys, ban, log, doctor, probe,
];
