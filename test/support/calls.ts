/** How most tests start: a registration, and a call with its route sets. */
import type { Party } from "./party.js";
import type { SipMessage } from "./sip-message.js";

export const INSTANCE = "<urn:uuid:0C67446E-F1A1-11D9-94D3-000A95A0E128>";

let registrations = 0;

/** U registers with outbound, C answers 200; returns the Path values that C received, top first, which are the Route to U. */
export async function register(U: Party, C: Party, regId = 1, require = ""): Promise<readonly string[]> {
  registrations += 1;
  await U.say(`REGISTER sip:example.com SIP/2.0
Call-ID: register-${registrations}@${U.scene}
Supported: path, outbound
Contact: <sip:${U.name}@${U.at}>;reg-id=${regId};+sip.instance="${INSTANCE}"`);
  const path = (await C.request("REGISTER")).all("Path");
  await C.reply("200 OK", require);
  await U.response(200);
  return path;
}

export interface Dialog {
  /** Route values as the caller and the callee must write them (RFC 3261 12.1). */
  readonly callerRoute: string;
  readonly calleeRoute: string;
  readonly callId: string;
  readonly invite: SipMessage;
  readonly ok: SipMessage;
}

let calls = 0;

/** `from` calls `to`: INVITE, 200, ACK. `lines` are added to the INVITE. */
export async function call(from: Party, to: Party, lines: string): Promise<Dialog> {
  calls += 1;
  const callId = `call-${calls}@${from.scene}`;
  await from.say(`INVITE sip:${to.name}@${to.at} SIP/2.0\nCall-ID: ${callId}\n${lines}`);
  const invite = await to.request("INVITE");
  await to.reply("200 OK", `Contact: <sip:${to.name}@${to.at}>`);
  const ok = await from.response(200);
  const callerRoute = routeLine([...ok.all("Record-Route")].reverse());
  await from.say(inDialog("ACK", `sip:${to.name}@${to.at}`, callerRoute, callId));
  await to.request("ACK");
  return { callerRoute, calleeRoute: routeLine(invite.all("Record-Route")), callId, invite, ok };
}

export function inDialog(method: string, uri: string, route: string, callId: string, cseq = 1): string {
  return `${method} ${uri} SIP/2.0\nTo: <sip:somebody@example.com>;tag=x\nCall-ID: ${callId}\nCSeq: ${cseq} ${method}${route}`;
}

function routeLine(values: readonly string[]): string {
  return values.length > 0 ? `\nRoute: ${values.join(", ")}` : "";
}
