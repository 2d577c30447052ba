/** Whether a REGISTER creates a flow (RFC 5626 6): it has instance and reg-id, and its first hop supports outbound. */
import { RegisterFlag } from "../native/layout.js";
import type { SipMessage } from "../sip/message.js";
import { parseNameAddr } from "../sip/name-addr.js";
import { findParameter } from "../sip/parameters.js";
import { parseUri } from "../sip/uri.js";
import type { Contact } from "./contacts.js";
import { refuse } from "./register-refusal.js";
import type { RegistrarOptions } from "./registrar-options.js";
import type { RequestSource } from "./request-source.js";

/** Refuses with 400 or 439; else returns whether Contacts with instance and reg-id are keyed by them. */
export function isOutbound(
  request: SipMessage,
  contacts: readonly Contact[],
  path: readonly string[],
  from: RequestSource,
  { outbound, obPathCheck }: Pick<RegistrarOptions, "outbound" | "obPathCheck">,
): boolean {
  const lasting = contacts.filter(({ expires }) => expires > 0);
  if (lasting.length > 1 && lasting.some(({ regId }) => regId !== undefined)) refuse(400, "One Contact With reg-id At A Time");
  const asks = contacts.some(({ instance, regId }) => instance !== undefined && regId !== undefined);
  if (!asks) return false;
  const hopHasIt = from.firstHop ? from.flowIsOutboundCapable : isFirstHopOutbound(obFlags(path), obPathCheck);
  const use = useOfOutbound(outbound, hopHasIt, request.supports("outbound"));
  return use === Outbound.lacking ? refuse(439, "First Hop Lacks Outbound Support") : use === Outbound.flow;
}

/** What a REGISTER with instance and reg-id becomes; `lacking`: refused with 439. */
export const Outbound = { plain: 0, flow: 1, lacking: 2 } as const;

export function useOfOutbound(mode: RegistrarOptions["outbound"], hopHasIt: boolean, phoneSupportsIt: boolean): number {
  if (mode === "off") return Outbound.plain;
  if (hopHasIt) return Outbound.flow;
  return phoneSupportsIt ? Outbound.lacking : Outbound.plain;
}

const CHECKED = { top: RegisterFlag.topOb, last: RegisterFlag.lastOb, any: RegisterFlag.anyOb } as const;

/** "The first URI" of RFC 5626 6 is that of the hop nearest to the device, which wrote its value first: the last one (decision D1). `flags`: RegisterFlag bits. */
export function isFirstHopOutbound(flags: number, check: RegistrarOptions["obPathCheck"]): boolean {
  return (flags & CHECKED[check]) !== 0;
}

function obFlags(path: readonly string[]): number {
  const [top = false, ...others] = path.map((value) => {
    const uri = parseUri(parseNameAddr(value)?.uri ?? "");
    return uri !== undefined && findParameter(uri.parameters, "ob") !== undefined;
  });
  const last = others.at(-1) ?? top;
  return (top ? RegisterFlag.topOb : 0) | (last ? RegisterFlag.lastOb : 0) | (top || others.includes(true) ? RegisterFlag.anyOb : 0);
}
