/** An edge that does not let everyone open a WebSocket, so without a cast of clients that would need to. */
import { onTestFinished } from "vitest";
import { Edge, type Settings } from "./edge.js";
import { freePort, hostPort } from "./ports.js";

export async function webSocketEdge(settings: Settings): Promise<{ readonly edge: Edge; readonly client: string }> {
  const client = hostPort("127.0.0.1", await freePort("127.0.0.1"));
  const edge = await Edge.start({ SLUICE_LISTEN: `udp:${client},ws:${client}`, ...settings });
  onTestFinished(() => edge.stop());
  return { edge, client };
}
