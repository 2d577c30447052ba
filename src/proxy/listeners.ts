/** How our own listeners appear from outside: the source of Via and Record-Route. */
import type { Transport } from "../config/listener.js";
import type { ObjectPort } from "../native/object-port.js";
import type { ShardListener } from "../native/shard-settings.js";

/** The listener of a flow id (native/core/relay/flow_id.h). */
export function listenerOfFlow(listeners: readonly ShardListener[], flow: string): ShardListener | undefined {
  const [kind, first = "", second = ""] = flow.split("/");
  if (kind === "s") return listeners[Number(first)];
  return listeners.find(({ transport, address, port }) => transport === "udp" && address === first && port === Number(second));
}

/** `transport` is the one that the message leaves by; the listener that lends its name may have another one. */
export function viaOf({ sentBy }: ShardListener, transport: Transport, branch: string): string {
  return `SIP/2.0/${transport.toUpperCase()} ${sentBy}${transport === "udp" ? ";rport" : ""};branch=${branch}`;
}

/** A URI that leads to us, and with a token on to its flow; without `ob` (decision D3). */
export function recordRouteOf({ transport, sentBy }: ShardListener, token: string, neighbour?: string): string {
  return `<sip:${token}@${sentBy}${transport === "udp" ? "" : `;transport=${transport}`};lr${neighbour === undefined ? "" : `;nb=${neighbour}`}>`;
}

/** The one whose name leads other nodes to flows of ours, over a transport for neighbours. */
export function routeListener(port: Pick<ObjectPort, "coreListener">, listeners: readonly ShardListener[]): ShardListener | undefined {
  return listeners[port.coreListener("tcp", true)];
}

/** The same as a Path value: whoever follows it gets our Record-Route (RFC 5626 5.1). */
export function pathOf(listener: ShardListener, token: string): string {
  return recordRouteOf(listener, token).replace(/>$/, ";ob>");
}

/** Whether a Route is one of `recordRouteOf` or `pathOf` with the name of one of these listeners. */
export function leadsTo(listeners: readonly ShardListener[], route: string): boolean {
  const place = route.slice(route.indexOf("@") + 1);
  return listeners.some(({ sentBy }) => place.startsWith(`${sentBy};`));
}
