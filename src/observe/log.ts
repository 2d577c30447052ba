/** The process's log: JSON lines on stdout, by pino; short lines where stdout is a terminal. */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import type { Config } from "../config/config.js";
import { LogSink } from "./log-sink.js";
import { TerminalLog } from "./terminal-log.js";

export type Log = Logger;

export function createLog(level: Config["logLevel"], to: DestinationStream = toStdout()): Log {
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

function toStdout(): DestinationStream {
  const sink = new LogSink(1);
  return process.stdout.isTTY ? new TerminalLog((text) => sink.write(text)) : sink;
}
