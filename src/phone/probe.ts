/** Tries a SIP server as an outbound phone would use it (RFC 5626), step by step, and says what it found. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/message-of.js";
import type { SipMessage } from "../sip/message.js";
import type { LinkTarget } from "./link.js";
import type { Flow, Phone } from "./phone.js";

export interface Finding {
  readonly name: string;
  /** `note`: worth knowing, but not forbidden by RFC 5626. */
  readonly result: "ok" | "fail" | "note";
  readonly detail: string;
}

export interface ProbeOptions {
  readonly target: LinkTarget;
  readonly flows: number;
  readonly expires: number;
  /** Send MESSAGE to its own AOR, to see by which flow it arrives. */
  readonly deliver: boolean;
  readonly onFinding: (finding: Finding) => void;
  /** An event that is not a message: a cable is pulled. */
  readonly onEvent: (text: string) => void;
}

const DELIVERY_MS = 12_000;
const ALL_FLOWS_MS = 1_000;

export class Probe {
  readonly #phone: Phone;
  readonly #options: ProbeOptions;
  readonly #findings: Finding[] = [];

  constructor(phone: Phone, options: ProbeOptions) {
    this.#phone = phone;
    this.#options = options;
  }

  async run(): Promise<readonly Finding[]> {
    const flows: Flow[] = [];
    try {
      for (let regId = 1; regId <= this.#options.flows; regId += 1) {
        const flow = await this.#open(regId);
        if (flow === undefined) return this.#findings;
        flows.push(flow);
        const answer = await this.#register(flow);
        if (answer === undefined) return this.#findings;
        const path = answer.headers("path").flatMap((value) => value.split(/,(?=\s*<)/)).map((value) => value.trim());
        if (regId === 1) await this.#first(flow, answer, path);
        else this.#add(`flow ${regId}`, "ok", `registered with reg-id=${regId}`);
        paths.set(flow, path);
      }
      if (this.#options.deliver) await this.#deliver(flows);
      const alive = flows.find((flow) => flow.link.isOpen);
      if (alive) await this.#leave(flows, alive);
    } finally {
      for (const { link } of flows) link.close();
    }
    return this.#findings;
  }

  async #open(regId: number): Promise<Flow | undefined> {
    const { target } = this.#options;
    try {
      return await this.#phone.connect(regId, target);
    } catch (error) {
      this.#add("connection", "fail", `no ${target.transport} to ${target.host}:${target.port}: ${messageOf(error)}`);
      return undefined;
    }
  }

  async #register(flow: Flow): Promise<SipMessage | undefined> {
    let answer = await this.#phone.register(flow, this.#options.expires);
    const least = answer?.status === 423 ? Number(answer.header("min-expires")) : Number.NaN;
    if (least > 0) answer = await this.#phone.register(flow, least);
    if (answer?.status === 200) return answer;
    this.#add(flow.regId === 1 ? "registration" : `flow ${flow.regId}`, "fail", refusal(answer));
    return undefined;
  }

  async #first(flow: Flow, answer: SipMessage, path: readonly string[]): Promise<void> {
    this.#add("registration", "ok", "200 to a REGISTER with reg-id and +sip.instance");
    const requires = options(answer, "require");
    if (requires.includes("outbound")) this.#add("Require: outbound", "ok", "the registrar does outbound (RFC 5626 6)");
    else this.#add("Require: outbound", "fail", "not in the 200: the registrar ignored reg-id, so this is an ordinary registration");
    if (path.length === 0) this.#add("Path", "note", "none in the 200: no edge in between, or the registrar does not echo it (RFC 3327 5.3)");
    else if (/;\s*ob\b/i.test(path.at(-1) ?? "")) this.#add("Path", "ok", `${path.length} value${path.length > 1 ? "s" : ""}, the first hop marked itself with ;ob (RFC 5626 5.1)`);
    else this.#add("Path", "fail", "the first hop's Path has no ;ob: it does not keep flows");
    if (!(answer.headers("contact").join(",").includes("reg-id="))) this.#add("Contact", "note", "the 200 shows no reg-id (RFC 5626 6)");
    const timer = Number(answer.header("flow-timer"));
    if (timer > 0) this.#add("Flow-Timer", "ok", `${timer} s: ping within 80 to 100 percent of that (RFC 5626 4.4)`);
    else this.#add("Flow-Timer", "note", "none: the server sets no keep-alive interval, a phone takes its own");
    await this.#keepAlive(flow);
  }

  async #keepAlive(flow: Flow): Promise<void> {
    const { transport } = this.#options.target;
    const kind = transport === "udp" ? "STUN" : "CRLFCRLF";
    const section = transport === "udp" ? "4.4.2" : "4.4.1";
    if (await this.#phone.keepAlive(flow)) this.#add("keep-alive", "ok", `${kind} is answered (RFC 5626 ${section})`);
    else this.#add("keep-alive", "fail", `${kind} got no answer in 10 s (RFC 5626 ${section}): the phone would take its flow for dead`);
  }

  async #deliver(flows: readonly Flow[]): Promise<void> {
    const from = flows.at(-1);
    if (from === undefined) return;
    const first = await this.#message(from, flows);
    if (first.over === undefined) {
      this.#add("delivery", "note", `MESSAGE to the own AOR did not come back${first.status ? ` (${first.status})` : ""}: nothing can be said of delivery`);
      return;
    }
    const { over } = first;
    if (first.copies === 1) this.#add("delivery", "ok", `a request came over reg-id=${over.regId}, once, after ${first.milliseconds} ms`);
    else this.#add("delivery", "fail", `a request came ${first.copies} times: all flows of one instance were tried at once (RFC 5626 7)`);
    if (flows.length < 2) return;
    await this.#failover(flows, over);
  }

  async #failover(flows: readonly Flow[], lost: Flow): Promise<void> {
    const left = flows.filter((flow) => flow !== lost && flow.link.isOpen);
    const [from] = left;
    if (from === undefined) return;
    this.#options.onEvent(`the cable of reg-id=${lost.regId} is pulled`);
    lost.link.close();
    // A phone that loses its connection is gone at once; over UDP nobody can know.
    await sleep(200);
    const second = await this.#message(from, left);
    if (second.over) this.#add("failover", "ok", `with reg-id=${lost.regId} dead the next request came over reg-id=${second.over.regId} after ${second.milliseconds} ms`);
    else this.#add("failover", "fail", `with reg-id=${lost.regId} dead the next request did not come${second.status ? ` (${second.status})` : " in 12 s"}: a caller waits or fails`);
    await this.#tokens(from, lost);
  }

  /** Sends a request along the Path of the dead flow, and along a forged one. */
  async #tokens(from: Flow, lost: Flow): Promise<void> {
    const path = paths.get(lost) ?? [];
    if (path.length === 0) return;
    const to = `sip:${this.#phone.aor.slice(4)}`;
    const dead = await this.#phone.ask(from, "OPTIONS", to, [`Route: ${path.join(", ")}`]);
    if (dead?.status === 430) this.#add("430", "ok", "a request for the dead flow is 430 Flow Failed at once (RFC 5626 5.3)");
    else this.#add("430", "note", `a request for the dead flow is ${dead ? `${dead.status}` : "not answered"}: RFC 5626 5.3 has 430${dead?.status === 403 ? ", but a server may take such requests from its core alone" : ""}`);
    const forged = path.map((value) => value.replace(/(sips?:[^@>]*)(.)(.)@/i, (_, head: string, one: string, two: string) => `${head}${two}${one === "A" ? "B" : "A"}@`));
    const refused = await this.#phone.ask(from, "OPTIONS", to, [`Route: ${forged.join(", ")}`]);
    if (refused?.status === 403) this.#add("403", "ok", "a forged flow token is 403 (RFC 5626 5.3)");
    else this.#add("403", "note", `a forged flow token is ${refused ? `${refused.status}` : "not answered"}: RFC 5626 5.3 has 403`);
  }

  async #message(from: Flow, flows: readonly Flow[]): Promise<{ readonly over: Flow | undefined; readonly copies: number; readonly milliseconds: number; readonly status: number | undefined }> {
    for (const flow of flows) flow.requests.length = 0;
    const start = performance.now();
    const arrived = (): readonly Flow[] => flows.flatMap((flow) => flow.requests.filter(({ method }) => method === "MESSAGE").map(() => flow));
    let status: number | undefined;
    void this.#phone.ask(from, "MESSAGE", this.#phone.aor, ["Content-Type: text/plain"], "probe").then((answer) => (status = answer?.status));
    while (arrived().length === 0 && performance.now() - start < DELIVERY_MS && (status === undefined || status < 300)) await sleep(10);
    const milliseconds = Math.round(performance.now() - start);
    if (arrived().length > 0) await sleep(ALL_FLOWS_MS);
    return { over: arrived()[0], copies: arrived().length, milliseconds, status };
  }

  async #leave(flows: readonly Flow[], alive: Flow): Promise<void> {
    for (const flow of flows) if (flow.link.isOpen) await this.#phone.register(flow, 0);
    const star = await this.#phone.ask(alive, "OPTIONS", this.#phone.aor);
    if (star === undefined) this.#add("end", "note", "no answer to the last OPTIONS");
  }

  #add(name: string, result: Finding["result"], detail: string): void {
    const finding = { name, result, detail };
    this.#findings.push(finding);
    this.#options.onFinding(finding);
  }
}

/** The Path of each flow, as the 200 echoed it. */
const paths = new WeakMap<Flow, readonly string[]>();

function options(message: SipMessage, name: string): readonly string[] {
  return message.headers(name).flatMap((value) => value.split(",")).map((word) => word.trim().toLowerCase());
}

function refusal(answer: SipMessage | undefined): string {
  if (answer === undefined) return "no answer to REGISTER in 8 s";
  if (answer.status === 401 || answer.status === 407) return `${answer.status}: the server wants a password (--user, --password), or does not take this one`;
  if (answer.status === 439) return "439: the first hop does not do outbound (RFC 5626 6)";
  return `${answer.startLine.slice(8)}`;
}
