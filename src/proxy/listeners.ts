/** What our own listeners look like from outside: Via and Record-Route are made of it. */
import type { Transport } from "../config/listener.js";
import type { ShardListener } from "../native/binding.js";

/** The listener of a flow id (native/core/flow_id.h). */
export function listenerOfFlow(listeners: readonly ShardListener[], flow: string): ShardListener | undefined {
  const [kind, first = "", second = ""] = flow.split("/");
  if (kind === "s") return listeners[Number(first)];
  return listeners.find(({ transport, address, port }) => transport === "udp" && address === first && port === Number(second));
}

/** `transport` is what the message leaves by: there may be no listener of it to give its name. */
export function viaOf({ sentBy }: ShardListener, transport: Transport, branch: string): string {
  return `SIP/2.0/${transport.toUpperCase()} ${sentBy}${transport === "udp" ? ";rport" : ""};branch=${branch}`;
}

/** A URI that leads to us, and with a token further on to its flow; without `ob` (decision D3). */
export function recordRouteOf({ transport, sentBy }: ShardListener, token: string): string {
  return `<sip:${token}@${sentBy}${transport === "udp" ? "" : `;transport=${transport}`};lr>`;
}
