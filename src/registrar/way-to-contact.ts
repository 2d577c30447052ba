/**
 * How to reach a plain registration. A Contact is where its phone listens (RFC 3261 10.2, 16.5), but behind a NAT only the flow that carried
 * the REGISTER leads there. And whatever a stranger writes into a Contact, we send only to the host that the REGISTER came from
 * (docs/decisions/dialled-contacts.md).
 */
import type { Binding } from "../location/binding.js";
import { defaultPort } from "../resolve/upstream-uri.js";
import type { SipMessage } from "../sip/message.js";
import { findParameter } from "../sip/parameters.js";
import type { SipUri } from "../sip/uri.js";
import type { RequestSource } from "./request-source.js";

const UDP_FLOW = /^u\/[^/]*\/\d+\//;

/** Of the binding: the flow to send over, and whether the Contact is dialled when that is gone. */
export function wayToContact(contact: SipUri, request: SipMessage, from: RequestSource): Pick<Binding, "flow" | "direct"> {
  const { flow, transport, address, port } = from;
  if (flow === undefined) return {};
  const place = listensAt(contact, from);
  if (place === undefined || place === port || isBehindNat(request, from)) return { flow };
  if (transport !== "udp") return { flow, direct: true };
  const [local] = UDP_FLOW.exec(flow) ?? [];
  return { flow: local === undefined ? flow : `${local}${address}/${place}` };
}

/** The port of a Contact that names the sender's own host and the REGISTER's transport; undefined: it names something else. */
function listensAt({ scheme, host, port, parameters }: SipUri, { address, transport, isThisHost }: RequestSource): number | undefined {
  if ((transport !== "udp" && transport !== "tcp" && transport !== "tls") || isThisHost) return undefined;
  const named = findParameter(parameters, "transport")?.value?.toLowerCase() ?? (scheme === "sips" ? "tls" : "udp");
  const isSame = (scheme === "sips" && transport === "tls" ? "tls" : named) === transport;
  const isHere = host.replace(/^\[|\]$/g, "").toLowerCase() === address && findParameter(parameters, "maddr") === undefined;
  return isSame && isHere ? (port ?? defaultPort(transport)) : undefined;
}

/** The client's own idea of its address against ours (RFC 3261 18.2.1, RFC 3581 4). A connection comes from any port. */
function isBehindNat(request: SipMessage, { address, port, transport, firstHop }: RequestSource): boolean {
  const { via } = request;
  if (via === undefined || !firstHop || via.host.replace(/^\[|\]$/g, "") !== address) return true;
  return transport === "udp" && via.hasRport && (via.port || defaultPort("udp")) !== port;
}
