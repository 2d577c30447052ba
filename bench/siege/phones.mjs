/** The good phones of the siege: they register with a password, keep their registrations fresh, send messages and call each other. */
import { setTimeout as sleep } from "node:timers/promises";
import { Phone } from "../../build/modules/phone/phone.js";
import { ATTACK } from "./mark.mjs";
import { PHONES_FIRST, runAt } from "./priority.mjs";

const { nice = PHONES_FIRST, ports, domain, password, phones: count, pause = 50 } = JSON.parse(process.argv[2]);
runAt(nice);
const TRANSPORTS = Object.keys(ports);
const REFRESH_EVERY = 3;
const RECENT = 4_000;
const ANSWERED = ["INVITE", "MESSAGE", "OPTIONS", "BYE"];

const state = { done: 0, lost: 0, wrong: 0, firstWrong: [], breaches: [], late: [], registered: 0, overheard: undefined };
const company = [];

function heard(flow, request) {
  const { phone } = company[flow.index];
  if (request.header("call-id")?.startsWith(ATTACK)) state.breaches.push(`a phone got ${request.method} of an attacker: ${request.header("subject") ?? "?"}`);
  if (request.method === "INVITE") {
    state.overheard = { route: request.headers("record-route"), contact: `sip:phone${flow.index}@${flow.link.local}`, callId: request.header("call-id") };
    phone.answer(flow, request, "180 Ringing");
    phone.answer(flow, request, "200 OK", [`Contact: <sip:phone${flow.index}@${flow.link.local};ob>`]);
  } else if (request.method === "ACK") company[flow.index].acks += 1;
  else if (ANSWERED.includes(request.method)) phone.answer(flow, request, "200 OK");
}

/** Counts one exchange; it must end with status `expected`. */
async function counted(what, promise, expected = 200) {
  const begin = performance.now();
  const answer = await promise;
  if (answer === undefined) state.lost += 1;
  else if (answer.status !== expected) state.wrong += 1;
  else state.done += 1;
  if (answer?.status !== expected && state.firstWrong.length < 10) state.firstWrong.push(`${what}: ${answer?.startLine ?? "no answer"}`);
  state.late.push(performance.now() - begin);
  if (state.late.length > RECENT) state.late.shift();
  return answer;
}

async function call(from, to) {
  const answer = await counted(`INVITE ${from.transport} to ${to.transport}`, from.phone.ask(from.flow, "INVITE", `sip:phone${to.index}@${domain}`, [`Contact: <sip:phone${from.index}@${from.flow.link.local};ob>`]));
  if (answer?.status !== 200) return;
  const acks = to.acks;
  from.phone.tell(from.flow, inDialog("ACK", answer, from));
  await counted(`BYE ${from.transport} to ${to.transport}`, from.phone.transact(from.flow, ...inDialog("BYE", answer, from)));
  if (to.acks === acks && from.transport !== "udp") state.lost += 1;
}

let branches = 0;

/** `[text, branch]` of a request in the dialog that the 200 opened (RFC 3261 12.2.1.1). */
function inDialog(method, ok, { flow }) {
  branches += 1;
  const branch = `z9hG4bKsiege${process.pid}x${branches}`;
  const route = ok.headers("record-route").flatMap((value) => value.split(/,(?=\s*<)/)).map((value) => value.trim()).reverse();
  const contact = /<([^>]*)>/.exec(ok.header("contact") ?? "")?.[1] ?? "";
  const cseq = Number.parseInt(ok.header("cseq") ?? "1", 10) + (method === "ACK" ? 0 : 1);
  const text = [
    `${method} ${contact} SIP/2.0`,
    `Via: SIP/2.0/${flow.link.transport.toUpperCase()} ${flow.link.local};branch=${branch};rport`,
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
  return method === "ACK" ? text : [text, branch];
}

for (let index = 0; index < count; index += 1) {
  const transport = TRANSPORTS[index % TRANSPORTS.length];
  const phone = new Phone({ user: `phone${index}`, domain, credentials: { user: `phone${index}`, password } });
  company.push({ index, transport, phone, acks: 0 });
  phone.onRequest(heard);
  const flow = await phone.connect(1, { transport, host: "127.0.0.1", port: ports[transport], insecure: true });
  flow.index = index;
  company[index].flow = flow;
  const answer = await phone.register(flow, 3_600);
  if (answer?.status === 200) state.registered += 1;
  else state.firstWrong.push(`REGISTER ${transport}: ${answer?.startLine ?? "no answer"}`);
}
process.send(state);

let running = true;
process.on("message", ({ end, afresh }) => {
  if (end) running = false;
  // Another attack begins: measure only its effect. `afresh` is its number.
  if (afresh) Object.assign(state, { scene: afresh, done: 0, lost: 0, wrong: 0, firstWrong: [], breaches: [], late: [] });
});
process.on("disconnect", () => process.exit(0));
setInterval(() => process.connected && process.send(state), 500);
const open = new Set();
for (let turn = 0; ; turn += 1) {
  if (running) {
    const [from, to] = [company[turn % count], company[(turn * 7 + 3) % count]];
    const work = turn % REFRESH_EVERY === 0 ? counted(`REGISTER ${from.transport}`, from.phone.register(from.flow, 3_600)) : turn % REFRESH_EVERY === 1 ? call(from, to) : counted(`MESSAGE ${from.transport} to ${to.transport}`, from.phone.ask(from.flow, "MESSAGE", `sip:phone${to.index}@${domain}`));
    const one = work.finally(() => open.delete(one));
    open.add(one);
  }
  await sleep(pause);
}
