/** What the levels debug and trace add to the log: one line per registration, refusal and failed call, and every message. */
import type { TapFilter } from "../native/inspect.js";
import { printable } from "../base/printable.js";
import type { Log } from "./log.js";

/** A copied message, with its credentials made unreadable. */
export interface LoggedMessage {
  readonly sent: boolean;
  readonly transport: string;
  readonly local: string;
  readonly peer: string;
  readonly text: string;
}

const FIELD_CHARACTERS = 120;

export class MessageLog {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** What to copy at the current level; undefined: nothing. */
  get filter(): TapFilter | undefined {
    if (this.#log.isLevelEnabled("trace")) return { kind: "all", sample: 1 };
    return this.#log.isLevelEnabled("debug") ? { kind: "outcome" } : undefined;
  }

  onLevel(listener: () => void): void {
    this.#log.on("level-change", listener);
  }

  write({ sent, transport, local, peer, text }: LoggedMessage): void {
    if (this.#log.isLevelEnabled("trace")) this.#log.trace({ transport, local, peer, message: text }, sent ? "sent" : "received");
    if (!sent || !this.#log.isLevelEnabled("debug")) return;
    const outcome = outcomeOf(text);
    if (outcome !== undefined) this.#log.debug({ transport, peer, ...outcome.facts }, outcome.what);
  }
}

interface Outcome {
  readonly what: string;
  readonly facts: Readonly<Record<string, string | number>>;
}

/** Undefined: a request, a provisional response, or a success that is not a registration's. */
export function outcomeOf(text: string): Outcome | undefined {
  const [, digits, reason = ""] = /^SIP\/2\.0 (\d{3}) ?([^\r\n]*)/.exec(text) ?? [];
  const status = Number(digits ?? 0);
  const method = /^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(text)?.[1] ?? "";
  if (status < 200 || (status < 300 && method !== "REGISTER")) return undefined;
  const facts = { status, reason: shown(reason), method: shown(method), to: shown(uriOf(fieldOf(text, "to|t"))), from: shown(uriOf(fieldOf(text, "from|f"))), callId: shown(fieldOf(text, "call-id|i")) };
  return { what: wordsFor(status, method), facts };
}

function wordsFor(status: number, method: string): string {
  if (status < 300) return "a REGISTER was accepted";
  if (status === 401 || status === 407) return "a request was challenged";
  if (method === "REGISTER") return "a REGISTER was refused";
  return method === "INVITE" ? "a call failed" : "a request was refused";
}

/** The value of the first field with one of these names, given as a|b; "": there is none. */
export function fieldOf(text: string, names: string): string {
  return new RegExp(`^(?:${names})[ \\t]*:[ \\t]*([^\\r\\n]*)`, "im").exec(text)?.[1] ?? "";
}

function uriOf(value: string): string {
  return /<([^>]*)>/.exec(value)?.[1] ?? value.split(";")[0] ?? "";
}

function shown(text: string): string {
  return printable(Buffer.from(text, "latin1"), FIELD_CHARACTERS);
}
