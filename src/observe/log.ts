/** The process's log: JSON lines on stdout, by pino. */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import type { Config } from "../config/config.js";
import { LogSink } from "./log-sink.js";

export type Log = Logger;

export function createLog(level: Config["logLevel"], to: DestinationStream = new LogSink(1)): Log {
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
