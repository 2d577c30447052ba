/** C as a home proxy that does not record-route: forwards requests along a Path, and the responses back. */
import type { Party, Received } from "./party.js";
import { type SipMessage } from "./sip-message.js";
import { newBranch } from "./sip-text.js";

/** Forwards what C received last to `uri` along `path`. */
export async function sendOn(C: Party, received: Received, uri: string, path: readonly string[]): Promise<void> {
  const { message } = received;
  const lines = message.lines.filter((line) => line.name !== "route" && line.name !== "max-forwards").map((line) => line.raw);
  await C.send(
    [
      `${message.method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/${C.transport.toUpperCase()} ${C.at};branch=${newBranch()}`,
      `Max-Forwards: ${Number(message.header("Max-Forwards")) - 1}`,
      ...(path.length > 0 ? [`Route: ${path.join(", ")}`] : []),
      ...lines,
      "",
      message.body,
    ].join("\r\n"),
  );
}

/** Forwards the response that C received last, without C's Via, to where the request came from. */
export async function sendBack(response: SipMessage, request: Received): Promise<void> {
  const own = response.lines.findIndex((line) => line.name === "via");
  const lines = response.lines.filter((_, at) => at !== own).map((line) => line.raw);
  await request.answer([response.startLine, ...lines, "", response.body].join("\r\n"));
}
