/** The 200 to a REGISTER: all bindings of the address of record (RFC 3261 10.3 step 8). */
import type { Binding } from "../location/binding.js";
import { quote } from "../sip/quoted-string.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import type { Gruus } from "./gruu.js";

export interface Registered {
  readonly bindings: readonly Binding[];
  /** On the clock of the bindings. */
  readonly now: number;
  /** The Path of this REGISTER (RFC 3327 5.3). */
  readonly path: readonly string[];
  /** Whether outbound was done for a device that supports it (RFC 5626 6). */
  readonly requiresOutbound: boolean;
  /** Seconds, 0: none. */
  readonly flowTimer: number;
  /** Option tags of RFC 5626 and 3327 that are served here. */
  readonly supported: readonly string[];
  /** For a device that supports them. */
  readonly gruus: Gruus | undefined;
}

export function registeredResponse({ bindings, now, path, requiresOutbound, flowTimer, supported, gruus }: Registered): ResponseSpec {
  const headers: (readonly [string, string])[] = bindings.map((binding) => ["Contact", contactOf(binding, now, gruus)]);
  headers.push(...path.map((value) => ["Path", value] as const));
  if (requiresOutbound) headers.push(["Require", "outbound"]);
  if (requiresOutbound && flowTimer > 0) headers.push(["Flow-Timer", String(flowTimer)]);
  headers.push(["Supported", supported.join(", ")], ["Date", new Date().toUTCString()]);
  return { status: 200, headers };
}

function contactOf(binding: Binding, now: number, gruus: Gruus | undefined): string {
  const { aor, contactUri, contactParams, instance, expiresAt } = binding;
  const expires = Math.max(Math.ceil((expiresAt - now) / 1_000), 1);
  const contact = `<${contactUri}>${contactParams};expires=${expires}`;
  if (gruus === undefined || instance === undefined) return contact;
  const temporary = gruus.temporaryOf({ ...binding, instance });
  return `${contact};pub-gruu=${quote(gruus.publicOf(aor, instance))};temp-gruu=${quote(temporary)}`;
}
