/** Names the parties of a ladder by who they are: alice, bob, edge, registrar. Their addresses are a detail. */
import { ask } from "/link.js";
import { coreName, ownName } from "/server.js";
import { hostPort, userOf } from "/words.js";

export const OWN = "own";
const MAX_QUESTIONS = 50;

export class Lanes {
  #changed;
  /** By transport and address: { name, detail, side }. */
  #known = new Map();
  #asked = new Set();
  #upstreams;

  /** `changed()` when a name has become known later. */
  constructor(changed) {
    this.#changed = changed;
  }

  clear() {
    this.#known.clear();
    this.#asked.clear();
    this.#upstreams = undefined;
  }

  /** The flows of the phone that is looked at: it stands on the left. */
  know(flows) {
    const before = this.#known.size;
    const moved = flows.filter((flow) => this.#known.get(keyOf(flow))?.side !== "left" && this.#learn(flow, "left"));
    if (before > 0 && moved.length > 0) this.#changed();
  }

  /** The two ends of a message, in its direction. */
  endsOf({ sent, transport, peer }) {
    const them = `${transport} ${peer}`;
    return sent ? [OWN, them] : [them, OWN];
  }

  of(key, message) {
    if (key === OWN) return { name: ownName(), detail: message.local, side: "own" };
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    void this.#find(key);
    return { name: saidToBe(message), detail: key, side: "right" };
  }

  /** False: it does not say who it is. */
  #learn(flow, where) {
    const key = keyOf(flow);
    const { aors, side } = flow;
    const [first] = aors;
    if (side !== "core" && first === undefined) return false;
    this.#known.set(key, side === "core"
      ? { name: coreName(), detail: key, side: "right" }
      : { name: userOf(first.aor), detail: `${first.regId > 0 ? `reg-id ${first.regId}, ` : ""}${key}`, side: where });
    return true;
  }

  /** Asked once for each. */
  async #find(key) {
    if (this.#asked.has(key) || this.#asked.size >= MAX_QUESTIONS) return;
    this.#asked.add(key);
    const at = key.slice(key.indexOf(" ") + 1);
    try {
      this.#upstreams ??= ask("GET", "/api/upstreams");
      const { upstreams } = await this.#upstreams;
      const isUpstream = upstreams.some(({ address, port }) => at === hostPort(address, port));
      if (isUpstream) this.#known.set(key, { name: coreName(), detail: key, side: "right" });
      else {
        const { flows } = await ask("GET", `/api/flows?${new URLSearchParams({ q: at, limit: 5 })}`);
        if (this.#known.has(key) || !flows.some((flow) => keyOf(flow) === key && this.#learn(flow, "right"))) return;
      }
      this.#changed();
    } catch {
      // It keeps the name that its messages give it.
    }
  }
}

function keyOf({ transport, address, port }) {
  return `${transport} ${hostPort(address, port)}`;
}

/** The user whom a message names as the other party: nobody has proved it. */
function saidToBe({ sent, text }) {
  const isResponse = text.startsWith("SIP/2.0 ");
  const value = (sent === isResponse ? /^(?:from|f)[ \t]*:(.*)$/im : /^(?:to|t)[ \t]*:(.*)$/im).exec(text)?.[1] ?? "";
  const user = /sips?:([^@;>\s]+)@/i.exec(value)?.[1];
  return user ?? "unknown";
}
