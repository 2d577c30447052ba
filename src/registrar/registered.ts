/** The 200 to a REGISTER: all bindings of the address of record (RFC 3261 10.3 step 8). */
import type { Binding } from "../location/binding.js";
import { sameBinding } from "../location/binding-key.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import type { Gruus } from "./gruu.js";

export interface Registered {
  readonly bindings: readonly Binding[];
  /** Keys of those that the REGISTER was about. */
  readonly first: readonly string[];
  /** Octets that the Contacts may take. All of them are listed (RFC 3261 10.3 step 8), except to a source that may be forged. */
  readonly room: number;
  /** On the clock of the bindings. */
  readonly now: number;
  /** The Path of this REGISTER (RFC 3327 5.3). */
  readonly path: readonly string[];
  /** Whether outbound was used for a device that supports it (RFC 5626 6). */
  readonly requiresOutbound: boolean;
  /** Seconds, 0: none. */
  readonly flowTimer: number;
  /** Option tags of RFC 5626 and 3327 that we support. */
  readonly supported: readonly string[];
  /** For a device that supports them. */
  readonly gruus: Gruus | undefined;
}

export function registeredResponse(registered: Registered): ResponseSpec {
  const { path, requiresOutbound, flowTimer, supported } = registered;
  const headers: (readonly [string, string])[] = listed(registered).map((value) => ["Contact", value]);
  headers.push(...path.map((value) => ["Path", value] as const));
  if (requiresOutbound) headers.push(["Require", "outbound"]);
  if (requiresOutbound && flowTimer > 0) headers.push(["Flow-Timer", String(flowTimer)]);
  headers.push(["Supported", supported.join(", ")], ["Date", dateNow()]);
  return { status: 200, headers };
}

let second = 0;
let date = "";

/** Writing it takes longer than most other lines. */
function dateNow(): string {
  const now = Math.floor(Date.now() / 1_000);
  if (now !== second) date = new Date(now * 1_000).toUTCString();
  second = now;
  return date;
}

/** All Contacts, or where they do not fit first what the REGISTER was about, and of the others as many as do. */
function listed({ bindings, first, room, now, gruus }: Registered): readonly string[] {
  const contacts = bindings.map((binding) => contactOf(binding, now, gruus));
  const size = (contact: string): number => contact.length + "Contact: \r\n".length;
  if (contacts.reduce((sum, contact) => sum + size(contact), 0) <= room) return contacts;
  const isFirst = bindings.map(({ key }) => first.some((one) => sameBinding(one, key)));
  let left = room;
  return [true, false].flatMap((wanted) => contacts.filter((contact, at) => isFirst[at] === wanted && (left -= size(contact)) >= 0));
}

function contactOf(binding: Binding, now: number, gruus: Gruus | undefined): string {
  const { aor, key, callId, contactUri, contactParams, instance, expiresAt } = binding;
  const expires = Math.max(Math.ceil((expiresAt - now) / 1_000), 1);
  const contact = `<${contactUri}>${contactParams};expires=${expires}`;
  if (gruus === undefined || instance === undefined) return contact;
  return contact + gruus.parametersOf({ aor, key, callId, instance });
}
