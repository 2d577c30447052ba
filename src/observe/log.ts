/** The process's log: JSON lines on stdout, by pino. */
import { type DestinationStream, type Logger, destination, pino, stdTimeFunctions } from "pino";
import type { Config } from "../config/config.js";

export type Log = Logger;

/** Written synchronously: lines are few, and none may be lost when the process ends. */
export function createLog(level: Config["logLevel"], to: DestinationStream = destination({ dest: 1, sync: true })): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    to,
  );
}
