/** What the shards and the store report, as events. */
import { showHostPort } from "../config/host-port.js";
import { BINDING_EVENTS, type BindingEvent, type BindingNewsRow, type NewsRow } from "../native/inspect.js";
import { Event } from "../native/layout.js";
import { isPlain, printable } from "../base/printable.js";
import { REASONS } from "../observe/end-reasons.js";
import { fieldOf, outcomeOf } from "../observe/message-log.js";
import type { Happening, Kind } from "./event.js";

const TEXT_CHARACTERS = 200;

const OF_BINDINGS: Readonly<Record<BindingEvent, readonly [kind: Kind, why: string | undefined]>> = {
  registered: ["registered", undefined],
  moved: ["moved", undefined],
  expired: ["expired", undefined],
  removed: ["removed", "the client unregistered"],
  "flow-gone": ["removed", "its flow is gone"],
  withdrawn: ["removed", "the operator removed it"],
};

/** `event`: a place in BINDING_EVENTS. */
export function kindOfBinding(event: number): Kind {
  return OF_BINDINGS[BINDING_EVENTS[event] ?? "removed"][0];
}

/** native/core/home/binding_line.cc writes the same as a line. */
export function ofBinding({ event, agoMs, regId, aor, contact, instance, userAgent, callId }: BindingNewsRow, now: number): Happening {
  const [kind, why] = OF_BINDINGS[BINDING_EVENTS[event] ?? "removed"];
  return { kind, at: now - agoMs, aor: shown(aor), instance: shown(instance), regId: regId || undefined, contact: shown(contact), userAgent: shown(userAgent), callId: shown(callId), why };
}

/** Undefined: a response that says nothing of a call. */
export function ofShard({ event, agoMs, number, lastedMs, address, port, text }: NewsRow, now: number): Happening | undefined {
  const at = now - agoMs;
  const place = port === 0 ? undefined : showHostPort(address, port);
  if (event === Event.callFailed || event === Event.callRefused) return ofCall(text, at, event === Event.callFailed, place);
  const [aor = "", instance = ""] = text.split("\n");
  const who = { at, aor: shown(aorOf(aor)), instance: shown(instance), address: place };
  switch (event) {
    case Event.flowRegistered:
      return { kind: "registered", ...who, regId: number || undefined };
    case Event.flowUnregistered:
      return { kind: "removed", ...who, why: "the client unregistered" };
    case Event.flowLost:
      return { kind: "flow-dead", ...who, why: REASONS[number], lastedMs };
    default:
      return undefined;
  }
}

function ofCall(head: string, at: number, isTheirs: boolean, place: string | undefined): Happening | undefined {
  const facts = outcomeOf(head)?.facts;
  if (facts === undefined) return undefined;
  const { status, reason, to, from, callId } = facts;
  // What the peers add (RFC 3326, RFC 3261 20.43) says more than the phrase.
  const why = [fieldOf(head, "reason"), fieldOf(head, "warning")].filter((value) => value !== "").join("; ");
  return {
    kind: "call-failed",
    at,
    from: aorOf(String(from)),
    to: aorOf(String(to)),
    callId: String(callId),
    status: Number(status),
    reason: String(reason) || undefined,
    hop: isTheirs ? (place ?? "unknown") : "sluice",
    address: isTheirs ? undefined : place,
    why: shown(why),
  };
}

/** `sip:user@host`: without parameters and port, the host in lower case. */
function aorOf(uri: string): string {
  const bare = /^[^;?>\s]*/.exec(uri)?.[0] ?? "";
  const host = bare.lastIndexOf("@") + 1;
  return host === 0 ? bare : bare.slice(0, host) + bare.slice(host).replace(/:\d+$/, "").toLowerCase();
}

function shown(octets: string): string | undefined {
  if (octets === "") return undefined;
  return octets.length <= TEXT_CHARACTERS && isPlain(octets) ? octets : printable(Buffer.from(octets, "latin1"), TEXT_CHARACTERS);
}
