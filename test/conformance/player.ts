/** Plays the steps of one case with a cast of real sockets. */
import type { Case, Step } from "./document.js";
import type { Cast } from "../support/cast.js";
import { CoreTcp } from "../support/core-tcp.js";
import type { Party, Received } from "../support/party.js";
import { complete, exactly } from "../support/sip-text.js";
import { register } from "../support/calls.js";
import { userOf } from "../support/sip-message.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { changes, differences } from "./expectation.js";
import { type Variables, fillIn } from "./variables.js";

export class Player {
  readonly #variables: Variables = new Map();
  readonly #requests = new Map<string, Received[]>();
  readonly #cast: Cast;
  readonly #script: Case;
  #sent = "";

  constructor(cast: Cast, script: Case) {
    this.#cast = cast;
    this.#script = script;
  }

  async play(): Promise<void> {
    for (const step of this.#script.steps) {
      this.#introduce();
      try {
        await this.#perform(step);
      } catch (error) {
        const what = error instanceof Error ? error.message : String(error);
        const where = `${this.#script.file}:${step.line} (${step.verb} ${step.words.join(" ")})`;
        throw new Error(`${where}: ${what}\n--- the edge wrote:\n${this.#cast.SUT.output.slice(-2000)}`);
      }
    }
  }

  /** Addresses change when a party reconnects, so they are set before each step. */
  #introduce(): void {
    const cast = this.#cast;
    const set = (name: string, value: string): Variables => this.#variables.set(name, value);
    set("SUT", cast.client);
    set("CORE", cast.core);
    set("HOST", cast.host.includes(":") ? `[${cast.host}]` : cast.host);
    set("IP", cast.host);
    set("SCENE", cast.scene);
    set("SUT.port", cast.client.split(":").at(-1) ?? "");
    for (const party of [cast.U, cast.U2, cast.C, cast.A]) {
      set(party.name, party.at);
      set(`${party.name}.port`, party.at.split(":").at(-1) ?? "");
      set(`${party.name}.transport`, party.transport);
      set(`${party.name}.TRANSPORT`, party.transport.toUpperCase());
    }
  }

  async #perform({ verb, words, text }: Step): Promise<void> {
    const [name = "", ...rest] = words;
    const party = this.#party(name);
    switch (verb) {
      case "register":
        return this.#register(party);
      case "send":
        return this.#send(party, rest, text);
      case "reply":
        return this.#reply(party, rest, text);
      case "expect":
        return this.#expect(party, rest, text);
      case "nothing":
        return party.nothing();
      case "close":
        return party.close();
      case "finish":
        return connection(party).finish();
      case "reconnect":
        return this.#cast.reconnect(party);
      case "hang-up":
        if (party.wire instanceof CoreTcp) await party.wire.hangUp();
    }
  }

  async #register(party: Party): Promise<void> {
    const values = await register(party, this.#cast.C);
    this.#variables.set(`${party.name}.path`, values.join(", "));
    this.#variables.set(`${party.name}.core`, userOf(values[0] ?? ""));
    this.#variables.set(`${party.name}.token`, userOf(values.at(-1) ?? ""));
  }

  async #send(party: Party, [how]: readonly string[], text: string): Promise<void> {
    // The document's own line ends are converted first, because octets written as {x0a} must not change.
    const filled = fillIn(how === "octets" ? text.replace(/\n/g, "") : protect(text), this.#variables);
    if (how === "exactly") await party.send(unprotect(exactly(filled)));
    else if (how === "octets") await party.send(filled);
    else await party.send(unprotect(complete(filled, party)));
    this.#sent = party.sent;
  }

  async #reply(party: Party, words: readonly string[], text: string): Promise<void> {
    const to = words.indexOf("to");
    const status = fillIn(words.slice(0, to < 0 ? words.length : to).join(" "), this.#variables);
    const received = this.#requests.get(party.name) ?? [];
    const method = to < 0 ? undefined : words[to + 1];
    const request = received.findLast(({ message }) => method === undefined || message.method === method);
    if (!request) throw new Error(`${party.name} has no ${method ?? "request"} to answer`);
    await party.reply(status, fillIn(text, this.#variables), request);
    this.#sent = party.sent;
  }

  async #expect(party: Party, [what, ...names]: readonly string[], text: string): Promise<void> {
    if (what === "pong") return party.pong();
    if (what === "closed") return connection(party).expectClosed();
    const message = await party.next(undefined, /^SIP\/2.0 100/.test(text));
    if (!message.isResponse) {
      const received = this.#requests.get(party.name) ?? [];
      this.#requests.set(party.name, [...received, party.last]);
    }
    const found = text === "" ? [] : differences(text, message, this.#variables);
    if (what === "unchanged") found.push(...changes(this.#sent, message.text, names.slice(1)));
    if (found.length > 0) throw new Error(`${found.join("\n")}\n--- ${party.name} got:\n${message.text}`);
  }

  #party(name: string): Party {
    const party = [this.#cast.U, this.#cast.U2, this.#cast.C, this.#cast.A].find((one) => one.name === name);
    if (!party) throw new Error(`nobody is called "${name}"`);
    return party;
  }
}

/** An octet written as {x0a} or {x0d} is not a line end of the document: a character that no message contains stands in for it. */
function protect(text: string): string {
  return text.replaceAll("{x0a}", "\u240a").replaceAll("{x0d}", "\u240d");
}

function unprotect(text: string): string {
  return text.replaceAll("\u240a", "\n").replaceAll("\u240d", "\r");
}

function connection(party: Party): TcpConnection {
  if (party.wire instanceof TcpConnection) return party.wire;
  throw new Error(`${party.name} has no connection`);
}
