/** `sluice trace`: the messages of one phone, call or address, as a ladder while they come. */
import { setTimeout as sleep } from "node:timers/promises";
import { visible } from "../base/printable.js";
import type { TracedMessage, TraceView } from "../admin/tracer.js";
import { ask, adminPlaneOf } from "./client.js";
import { type Command, CommandError, Exit } from "./command.js";
import { Ladder } from "./ladder.js";
import { COMMON_HELP, readOptions, wholeNumber } from "./options.js";
import { complain, jsonText, print } from "./output.js";

const POLL_MS = 250;
// Shards deliver their copies one after the other, so a message may come after a later one.
const LATE_MS = 1_000;

export const trace: Command = {
  name: "trace",
  summary: "live ladder of one phone, call or address",
  usage: "AOR | call-id:CALL-ID | ADDRESS[:PORT]",
  help: `
  --seconds N        for how long (600); Ctrl-C stops it earlier
  --full             whole messages instead of a ladder${COMMON_HELP}

With --json each message is one line. Credentials are masked. While no trace runs, no message is copied.

  sluice trace alice@example.com
  sluice trace 192.0.2.7 --seconds 60 --full`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, { seconds: { type: "string" }, full: { type: "boolean" } }, 1);
    const [what] = positionals;
    if (what === undefined) throw new CommandError(Exit.usage, "what should be traced? For example: sluice trace alice@example.com");
    const plane = adminPlaneOf(values.admin);
    const seconds = wholeNumber("seconds", values.seconds, 600);
    const { id } = await ask<TraceView>(plane, "POST", "/api/traces", { what, seconds });
    complain(`tracing ${what} for ${seconds} s`);
    const ladder = new Ladder(print);
    const show = values.json ? showJson : values.full ? showFull : (message: TracedMessage) => ladder.add(rung(message));
    let ended = false;
    const end = (): void => void (ended = true);
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
    const until = Date.now() + seconds * 1_000;
    const seen = new Map<string, number>();
    while (!ended && Date.now() < until) {
      const newest = Math.max(0, ...seen.values());
      const { messages } = await ask<{ readonly messages: readonly TracedMessage[] }>(plane, "GET", `/api/traces/${id}?after=${newest - LATE_MS}`);
      for (const message of messages) {
        const key = `${message.at} ${message.sent} ${message.peer} ${message.text.length}`;
        if (!seen.has(key)) show(message);
        seen.set(key, message.at);
      }
      for (const [key, at] of seen) if (at < newest - 2 * LATE_MS) seen.delete(key);
      await sleep(POLL_MS);
    }
    await ask(plane, "DELETE", `/api/traces/${id}`);
    return Exit.ok;
  },
};

function rung({ at, sent, transport, local, peer, text }: TracedMessage): { at: number; from: string; to: string; text: string } {
  const us = `sluice ${local}`;
  const them = peer === "" ? `${transport} client` : peer;
  return sent ? { at, from: us, to: them, text } : { at, from: them, to: us, text };
}

function showJson(message: TracedMessage): void {
  print(jsonText(message));
}

function showFull({ at, sent, transport, local, peer, text }: TracedMessage): void {
  print(`${new Date(at).toISOString()} ${transport} ${sent ? `${local} -> ${peer}` : `${peer} -> ${local}`}\n${visible(text.replaceAll("\r\n", "\n"), "\n\t")}`);
}
