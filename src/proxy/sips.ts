/** SIPS (RFC 5630): a request that must travel over TLS does so on every hop, including the last (Appendix A), or not at all. */
import { type Transport, isSecure } from "../config/listener.js";
import type { Binding } from "../location/binding.js";
import { uriIn } from "../sip/name-addr.js";
import type { ResponseSpec } from "../sip/response-spec.js";
import { isSips } from "../sip/uri.js";
import type { Hop } from "../transaction/hop.js";

/** RFC 5630 5.3: no way to the target is secure end to end. */
export const SIPS_NOT_ALLOWED: ResponseSpec = { status: 480, headers: [["Warning", '380 sluice "SIPS Not Allowed"']] };

/** The transport of a flow; undefined: there is no such listener. */
export type TransportOf = (flow: string) => Transport | undefined;

/** Whether a device accepts requests to SIPS addresses, over a way that is secure as far as we can see. */
export function takesSips({ contactUri, path, flow }: Binding, transportOf: TransportOf): boolean {
  if (!isSips(contactUri)) return false;
  return flow === undefined ? path.every((value) => isSips(uriIn(value) ?? "")) : isSecureFlow(flow, transportOf);
}

export function isSecureHop(hop: Hop, transportOf: TransportOf): boolean {
  return hop.kind === "flow" ? isSecureFlow(hop.flow, transportOf) : isSecure(hop.transport);
}

export function isSecureFlow(flow: string, transportOf: TransportOf): boolean {
  const transport = transportOf(flow);
  return transport !== undefined && isSecure(transport);
}

/** RFC 5630 5.3: a request to a SIP address reaches a device with a SIPS Contact under a SIP URI, though over TLS. */
export function inSchemeOf(request: string, target: string): string {
  return isSips(target) && !isSips(request) ? `sip${target.slice("sips".length)}` : target;
}

/** A Record-Route value of a request to a SIPS address is a SIPS URI (RFC 3261 16.6 step 4), which needs no transport=tls (RFC 5630 3.1.3). */
export function asSips(route: string): string {
  return route.replace(/^<sip:/, "<sips:").replace(";transport=tls", "").replace(";transport=wss", ";transport=ws");
}
