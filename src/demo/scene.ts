/** The plot of the demo: two phones register, one calls the other, a cable is pulled, and the second flow takes over. */
import { setTimeout as sleep } from "node:timers/promises";
import type { LinkTarget } from "../phone/link.js";
import { type Flow, Phone } from "../phone/phone.js";
import type { SipMessage } from "../sip/message.js";

export interface SceneOptions {
  readonly edge: LinkTarget;
  readonly say: (text: string) => void;
  /** A message between a flow of a phone and the edge. */
  readonly onMessage: (party: string, sent: boolean, text: string) => void;
}

const BEAT_MS = 700;
export const DOMAIN = "example.org";

export interface SceneResult {
  readonly first: number | undefined;
  readonly second: number | undefined;
  /** The reg-id of the flow that each call used. */
  readonly over: readonly number[];
}

export async function playScene({ edge, say, onMessage }: SceneOptions): Promise<SceneResult & { readonly end: () => void }> {
  const phone = (user: string, name: (flow: Flow) => string): Phone =>
    new Phone({
      user,
      domain: DOMAIN,
      credentials: undefined,
      onMessage: (sent, flow, message) => onMessage(name(flow), sent, Buffer.from(message.octets).toString("latin1")),
    });
  const alice = phone("alice", ({ regId }) => `alice, flow ${regId}`);
  const bob = phone("bob", () => "bob");
  const over: number[] = [];
  alice.onRequest((flow, request) => {
    if (request.method === "INVITE") {
      over.push(flow.regId);
      alice.answer(flow, request, "180 Ringing");
      setTimeout(() => alice.answer(flow, request, "200 OK", [`Contact: <sip:alice@${flow.link.local};transport=tcp;ob>`]), BEAT_MS / 2);
    } else if (request.method !== "ACK") alice.answer(flow, request, "200 OK");
  });

  say("Alice's phone opens two flows and registers over both: reg-id 1 and 2, one +sip.instance");
  const flows: Flow[] = [];
  for (const regId of [1, 2]) {
    const flow = await alice.connect(regId, { ...edge, transport: "tcp" });
    flows.push(flow);
    await alice.register(flow, 120);
    await sleep(BEAT_MS);
  }
  say("Bob registers over UDP");
  const line = await bob.connect(1, { ...edge, transport: "udp" });
  await bob.register(line, 120);
  await sleep(BEAT_MS);

  say("Bob calls Alice: the call goes down one of her flows, by the token in Path");
  const first = await call(bob, line);
  await sleep(BEAT_MS);

  const used = flows.find(({ regId }) => regId === over[0]);
  say(`The cable of Alice's flow ${used?.regId ?? "?"} is pulled`);
  used?.link.close();
  await sleep(BEAT_MS);

  say("Bob calls again: the edge knows that the flow is dead and says 430 at once, no timeout");
  const second = await call(bob, line);
  await sleep(BEAT_MS);
  return {
    first,
    second,
    over,
    end: () => {
      for (const { link } of [...flows, line]) link.close();
    },
  };
}

/** INVITE, ACK, BYE; the final status of the INVITE. */
async function call(bob: Phone, line: Flow): Promise<number | undefined> {
  const answer = await bob.ask(line, "INVITE", `sip:alice@${DOMAIN}`, [`Contact: <sip:bob@${line.link.local};ob>`]);
  if (answer === undefined) return undefined;
  if (answer.status >= 300) return answer.status;
  const route = answer.headers("record-route").flatMap((value) => value.split(/,(?=\s*<)/)).map((value) => value.trim()).reverse();
  const contact = /<([^>]*)>/.exec(answer.header("contact") ?? "")?.[1] ?? "";
  bob.tell(line, inDialog("ACK", answer, contact, route, line));
  await sleep(BEAT_MS);
  bob.tell(line, inDialog("BYE", answer, contact, route, line));
  await sleep(BEAT_MS / 2);
  return answer.status;
}

let branches = 0;

function inDialog(method: string, ok: SipMessage, uri: string, route: readonly string[], line: Flow): string {
  branches += 1;
  const cseq = Number.parseInt(ok.header("cseq") ?? "1", 10) + (method === "ACK" ? 0 : 1);
  return [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/UDP ${line.link.local};branch=z9hG4bKdemo${branches};rport`,
    "Max-Forwards: 70",
    ...(route.length > 0 ? [`Route: ${route.join(", ")}`] : []),
    `From: ${ok.header("from") ?? ""}`,
    `To: ${ok.header("to") ?? ""}`,
    `Call-ID: ${ok.header("call-id") ?? ""}`,
    `CSeq: ${cseq} ${method}`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}
