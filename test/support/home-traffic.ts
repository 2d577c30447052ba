/** REGISTERs, requests to those who registered, and what follows, as phones, callers and edges send them, and now and then as they must not. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { authorization, hashOf, readChallenge } from "./digest-client.js";
import { type Random, seedOf } from "./prng.js";
import type { SipMessage } from "./sip-message.js";
import { exactly } from "./sip-text.js";
import type { Script, Twin, Twins } from "./twins.js";

export const DOMAIN = "example.com";
export const PASSWORD = "secret";
export const USERS = ["u0", "u1", "u2", "u3", "u4", "u5"] as const;
/** Two edges at the addresses that SLUICE_EDGES names, a phone or caller over UDP, and one over a connection. */
const VOICES = [["edge", "udp", "127.0.0.2"], ["far", "udp", "127.0.0.3"], ["caller", "udp", "127.0.0.1"], ["wired", "tcp", "127.0.0.1"]] as const;
type Voice = (typeof VOICES)[number][0];

export const HOME = {
  SLUICE_MODE: "standalone",
  SLUICE_DOMAINS: `${DOMAIN},alias.example=${DOMAIN}`,
  SLUICE_EDGES: "127.0.0.2,127.0.0.3",
  SLUICE_SHARDS: "1",
  SLUICE_EXPIRES_JITTER: "0",
  SLUICE_MAX_CONTACTS: "4",
  SLUICE_MAX_FLOWS_PER_INSTANCE: "2",
  SLUICE_FLOW_TIMER: "120",
  // Nothing is sent twice, and nobody is given up.
  SLUICE_T1_MS: "4000",
  SLUICE_FAILOVER_MS: "600000",
  SLUICE_TIMER_C_SECONDS: "86400",
} as const;

/** The path of a file with the users and their PASSWORD, as long as the test lasts. */
export function users(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users");
  writeFileSync(file, USERS.flatMap((user) => ["SHA-256", "MD5"].map((name) => `${user}:${DOMAIN}:${hashOf(name, `${user}:${DOMAIN}:${PASSWORD}`)}\n`)).join(""));
  return file;
}

export async function joinAll(twins: Twins): Promise<void> {
  for (const [name, transport, host] of VOICES) await twins.join(name, transport, host);
}

/** The Call-ID says how the devices answer, so that both servers see the same. */
export function manner(request: SipMessage): string | undefined {
  const statuses = /-([\d.]+)$/.exec(request.header("Call-ID"))?.[1]?.split(".") ?? ["200"];
  const status = statuses[seedOf(request.uri.replace(/:\d{4,}/, "")) % statuses.length] ?? "200";
  // What nobody answers comes again, and goes on to the next device, when the timers of each server say so.
  const isFinal = /^[2-6]\d\d$/.test(status);
  return isFinal || (status === "180" && request.method === "INVITE") ? `${status} As Told` : "200 OK";
}

export interface Step {
  readonly voice: Voice;
  readonly script: Script;
}

interface Call {
  readonly voice: Voice;
  readonly head: string;
  readonly tail: string;
  readonly cseq: number;
  readonly fold: string;
}

const pick = <T>(random: Random, of: readonly [T, ...T[]]): T => of[random(of.length)] ?? of[0];

export class HomeTraffic {
  readonly #random: Random;
  readonly #authenticates: boolean;
  readonly #isTogether: boolean;
  #count = 0;
  /** INVITEs that may still ring. */
  readonly #calls: Call[] = [];
  /** What was sent, for retransmissions. */
  #last: Step | undefined;

  /** `isTogether`: now and then several REGISTERs come in one segment. */
  constructor(random: Random, authenticates = false, isTogether = true) {
    this.#random = random;
    this.#authenticates = authenticates;
    this.#isTogether = isTogether;
  }

  next(): Step {
    const what = this.#random(20);
    if (what < 2 && this.#last !== undefined) return this.#last;
    if (what < 7) return this.#following() ?? this.#request();
    if (what === 7 && this.#isTogether) return this.#keep(this.#together());
    return what < 13 ? this.#keep(this.#register()) : this.#keep(this.#request());
  }

  /** Asks for the bindings of everyone. */
  queries(): Step[] {
    return USERS.map((user) => ({ voice: "edge", script: exactly([`REGISTER sip:${DOMAIN} SIP/2.0`, this.#via("edge"), ...this.#parties(user, `query-${this.#number()}`, "1 REGISTER", user), "Content-Length: 0"].join("\n")) }));
  }

  #number(): number {
    return (this.#count += 1);
  }

  #keep(step: Step): Step {
    // A response to credentials cannot be repeated: the text is made anew.
    if (typeof step.script === "string") this.#last = step;
    return step;
  }

  #one<T>(of: readonly [T, ...T[]]): T {
    return pick(this.#random, of);
  }

  /** Each with the given chance in a hundred. */
  #some(...lines: readonly (readonly [number, string])[]): string[] {
    return lines.filter(([chance]) => this.#random(100) < chance).map(([, line]) => line);
  }

  #via(voice: Voice): string {
    const branch = `z9hG4bK-twin-${this.#number()}`;
    const top = `Via: SIP/2.0/${voice === "wired" ? "TCP" : "UDP"} {me};branch=${branch}`;
    if (voice === "caller" || voice === "wired") return `${top};rport${this.#one(["", "", ";keep"])}`;
    return `${top}${this.#one(["", ";rport"])}\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=${branch}x;received=198.51.100.7;rport=4711`;
  }

  #parties(user: string, callId: string, cseq: string, from = user): string[] {
    return ["Max-Forwards: 70", `From: <sip:${from}@${DOMAIN}>;tag=f${this.#random(9)}`, `To: <sip:${user}@${DOMAIN}>`, `Call-ID: ${callId}`, `CSeq: ${cseq}`];
  }

  #contact(user: string, voice: Voice): string {
    // Most users have one phone, whose flows numbers can choose from.
    const hasOne = Number(user.slice(1)) % 3 > 0;
    const device = hasOne ? 0 : this.#random(3);
    const instance = `+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000000000${this.#one(["A", "a"])}${device}>"`.replace(/0([Aa]\d)/, "$1");
    const uri = this.#one([
      voice === "caller" || voice === "wired" ? `sip:${user}@{me}` : `sip:${user}@192.0.2.${device}:5062`,
      `sip:${user}@192.0.2.${device}:5062;transport=TCP;Line=aB${this.#random(2)};ob`,
      `sip:${user}@192.0.2.${device}`,
      `sip:${user}@[2001:DB8::${device}];user=phone`,
    ]);
    const flow = `;reg-id=${1 + this.#random(2)};${instance}`;
    const parameters = hasOne && this.#random(6) > 0 ? flow : this.#one(["", "", `;reg-id=${1 + this.#random(3)};${instance}`, `;reg-id=1;${instance}`, `;${instance};reg-id=2;audio`, `;${instance}`, ";reg-id=1", ";q=0.5", `;q=1.0;reg-id=1;${instance}`, ";q=2"]);
    const expires = this.#one(["", "", "", ";expires=600", ";expires=0", ";expires=10", ";expires=x"]);
    return this.#one([`<${uri}>${parameters}${expires}`, `"A, \\"B\\"" <${uri}>${expires}${parameters}`]);
  }

  /** REGISTERs of one user in one segment, so that the server reads them at once: numbers decide on some, objects on others, and each counts in its turn. */
  #together(): Step {
    const user = this.#one(USERS);
    const scripts = Array.from({ length: 2 + this.#random(4) }, () => this.#register("wired", user).script);
    if (scripts.every((script) => typeof script === "string")) return { voice: "wired", script: scripts.join("") };
    return { voice: "wired", script: (twin) => scripts.map((script) => (typeof script === "string" ? script : script(twin))).join("") };
  }

  #register(voice = this.#one<Voice>(["edge", "edge", "edge", "far", "wired", "wired", "caller"]), user = this.#one(USERS)): Step {
    const isBehind = voice === "edge" || voice === "far";
    const contacts = [...Array(this.#one([1, 1, 1, 1, 1, 1, 0, 2, 2, 3])).keys()].map(() => this.#contact(user, voice));
    const isAll = this.#random(20) === 0;
    const asked = isAll ? ["Contact: *", ...this.#some([90, "Expires: 0"])] : contacts.length === 0 ? [] : this.#random(2) === 0 ? [`m: ${contacts.join(",\n ")}`] : contacts.map((value) => `Contact: ${value}`);
    const path = this.#one([`<sip:t${this.#random(3)}@{${voice}};lr;ob>`, `<sip:t1@{${voice}};lr;ob>`, `<sip:t1@{${voice}};lr>`, `<sip:t1@{${voice}};lr>, <sip:two@192.0.2.9;lr;ob>`]);
    const lines = [
      `REGISTER sip:${this.#one([DOMAIN, DOMAIN, DOMAIN, "alias.example", "elsewhere.example"])} SIP/2.0`,
      this.#via(voice),
      ...this.#parties(user, `r${this.#random(3)}@${user}`, `${this.#random(5) === 0 ? 1 + this.#random(9) : this.#number()} REGISTER`),
      ...this.#some([85, `Supported: ${this.#one(["path, outbound, gruu", "path,outbound", "path", "gruu , path"])}`], [8, `Expires: ${this.#one(["60", "0", "3000", "59", "no"])}`], [4, `Require: ${this.#one(["outbound", "path", "unheard-of"])}`]),
      ...(isBehind ? this.#some([92, `Path: ${path}`]) : this.#some([3, "Path: <sip:t1@192.0.2.9;lr;ob>"])),
      ...asked,
    ];
    return { voice, script: this.#signed(voice, lines, "REGISTER", user) };
  }

  #request(): Step {
    const voice = this.#one<Voice>(["caller", "caller", "wired", "far", "edge"]);
    const user = this.#one([...USERS, ...USERS, "nobody"] as const);
    const method = this.#one(["INVITE", "INVITE", "INVITE", "INVITE", "MESSAGE", "MESSAGE", "OPTIONS", "SUBSCRIBE", "INFO", "BYE", "UNHEARDOF"]);
    const cseq = 1 + this.#random(5);
    const statuses = this.#one(["200", "486", "486.404.200", "603.200", "430.486", "302", "180", "180", "180", "180", "180.486", "180.200", "408", "503", "401", "480", "699"]);
    const uri = this.#one([`sip:${user}@${DOMAIN}`, `sip:${user}@${DOMAIN}`, `sip:${user}@alias.example`, `sip:${user}@${DOMAIN}:5060;x=y`, `sip:%75${user.slice(1)}@${DOMAIN}`, `sip:${user}@{server}`, `sips:${user}@${DOMAIN}`, `sip:${user}@${DOMAIN};gr=urn:uuid:00000000-0000-1000-8000-0000000000A1`]);
    const from = this.#random(3) > (this.#authenticates ? 1 : 0) ? "<sip:stranger@elsewhere.example>;tag=1" : `<sip:${this.#one(USERS)}@${DOMAIN}>;tag=2`;
    const start = `${method} ${uri} SIP/2.0`;
    const via = this.#via(voice);
    const tail = [`From: ${from}`, `Call-ID: c${this.#number()}-${statuses}`].join("\n");
    const extra = this.#some([10, "Max-Breadth: 7"], [2, "Max-Breadth: 1"], [10, "Timestamp: 54"], [10, "Record-Route: <sip:192.0.2.5;lr>"], [10, "P-Asserted-Identity: <sip:king@example.com>"], [4, "Proxy-Require: unheard-of"], [10, "Contact: <sip:caller@{me}>"], [8, "Subject: a\n b"], [3, `Route: <sip:${DOMAIN};lr>`], [3, "Route: <sip:{server};lr>"]);
    const lines = [start, via, `Max-Forwards: ${this.#one([70, 70, 70, 70, 1, 0, 255])}`, tail, `To: <sip:${user}@${DOMAIN}>`, `CSeq: ${cseq} ${method}`, ...extra];
    if (method === "INVITE") this.#calls.push({ fold: this.#one(["", "", "\n "]), voice, head: `${uri} SIP/2.0\n${via}\nMax-Forwards: 70`, tail: `${tail}\nTo: <sip:${user}@${DOMAIN}>`, cseq });
    if (this.#calls.length > 3) this.#calls.shift();
    const [, caller = ""] = /sip:(\w+)@example\.com/.exec(from) ?? [];
    return { voice, script: this.#signed(voice, lines, method, caller) };
  }

  /** A CANCEL, or an ACK of a 2xx, whose fields may be folded. */
  #following(): Step | undefined {
    // Mostly the newest, which still rings.
    const call = this.#random(3) > 0 ? this.#calls.at(-1) : this.#calls[this.#random(Math.max(1, this.#calls.length))];
    if (call === undefined) return undefined;
    const method = this.#one(["CANCEL", "CANCEL", "ACK"]);
    const { fold } = call;
    const head = method === "ACK" && this.#random(2) === 0 ? call.head.replace(/twin-/, `twin-ack-${this.#number()}-`) : call.head;
    const tail = call.tail.replace("To: ", `To: ${fold}`);
    const lines = [`${method} ${head}`, method === "ACK" ? `${tail};tag=dev` : tail, `CSeq: ${call.cseq}${fold} ${method}`, "Content-Length: 0"];
    return { voice: call.voice, script: exactly(lines.join("\n")) };
  }

  /** With credentials for what the server asked last, most of them correct. */
  #signed(voice: Voice, lines: readonly string[], method: string, user: string): Script {
    const [body, type] = this.#one([["", ""], ["", ""], ["v=0\r\n", "Content-Type: application/sdp\n"]]);
    const text = (more = ""): string => `${exactly(`${lines.join("\n")}\n${more}${type}Content-Length: ${body.length}`)}${body}`;
    if (!this.#authenticates || user === "" || this.#random(8) === 0) return text();
    const choice = this.#random(2);
    const isWrong = this.#random(12) === 0;
    const nc = this.#random(12) === 0 ? 1 : this.#number();
    const name = this.#random(15) === 0 ? "u1" : user;
    return (twin: Twin) => {
      const challenge = twin.challenges.get(voice);
      const asked = [...(challenge?.all("WWW-Authenticate") ?? []), ...(challenge?.all("Proxy-Authenticate") ?? [])].map(readChallenge)[choice];
      if (asked === undefined) return text();
      const uri = lines[0]?.split(" ")[1] ?? "";
      const login = { user: name, password: isWrong ? "wrong" : PASSWORD, method, uri: uri.replaceAll("{server}", twin.at), nc };
      return text(`${method === "REGISTER" ? "Authorization" : "Proxy-Authorization"}: ${authorization(asked, login)}\n`);
    };
  }
}
