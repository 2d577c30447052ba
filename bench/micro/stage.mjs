/** What the registrar's micro benchmarks share: parts of the built program, requests, and the report. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import Benchmark from "benchmark";
import { Gruus } from "../../build/modules/registrar/gruu.js";
import { Registrar } from "../../build/modules/registrar/registrar.js";
import { Domains } from "../../build/modules/sip/domains.js";
import { SipMessage } from "../../build/modules/sip/message.js";

export const SECRET = new Uint8Array(32).fill(7);

export const OPTIONS = {
  domains: new Domains([{ name: "example.org" }]),
  minExpires: 60,
  maxExpires: 7_200,
  defaultExpires: 3_600,
  expiresJitterPercent: 10,
  maxContacts: 10,
  maxFlows: 4,
  obPathCheck: "last",
  pathMode: "strict",
  outbound: "auto",
  flowTimer: 120,
};

export const EDGE = { address: "10.0.0.1", port: 5060, transport: "udp", isEdge: true, flowIsOutboundCapable: false, firstHop: false };

export function registrarOver(store) {
  return new Registrar({ store, gruus: new Gruus(SECRET), authenticator: undefined, report: console.error }, OPTIONS);
}

const folders = [];
process.once("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder that is deleted when the benchmark ends. */
export function temporaryFolder() {
  // On the project's disk, not in memory, because this measures commits.
  const parent = join(import.meta.dirname, "../../build/bench");
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, "micro-"));
  folders.push(folder);
  return folder;
}

/** The REGISTER of a device behind an edge, about 700 octets. `edge`: where its Path leads. */
export function registerOctets(user, cseq, regId = 1, edge = "edge1.example.org") {
  return Buffer.from(
    `REGISTER sip:example.org SIP/2.0\r\n` +
      `Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK${user}x${regId}x${cseq};rport\r\n` +
      `Via: SIP/2.0/TCP 192.0.2.7:49152;branch=z9hG4bKa${user};received=198.51.100.7;rport=49152\r\n` +
      `Path: <sip:AQEBaW5kZXhlZC10b2tlbi0w${user}@${edge};lr;ob>\r\n` +
      `Max-Forwards: 69\r\nFrom: <sip:${user}@example.org>;tag=${cseq}\r\nTo: <sip:${user}@example.org>\r\n` +
      `Call-ID: ${user}-${regId}@192.0.2.7\r\nCSeq: ${cseq} REGISTER\r\nSupported: outbound, path, gruu\r\n` +
      `Contact: <sip:${user}@192.0.2.7:49152;transport=tcp;ob>;reg-id=${regId};+sip.instance="<urn:uuid:00000000-0000-1000-8000-${user.padStart(12, "0")}>"\r\n` +
      `Expires: 3600\r\nUser-Agent: a device of the bench\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\nContent-Length: 0\r\n\r\n`,
    "latin1",
  );
}

export function registerMessage(user, cseq, regId = 1) {
  return new SipMessage(registerOctets(user, cseq, regId));
}

/** Runs the suites, `[name, function, options]` each, one after the other, and prints a line for each. */
export async function report(benches) {
  for (const [name, fn, options = {}] of benches) {
    await new Promise((resolve) => {
      const onComplete = ({ target }) => resolve(print(target, options.each ?? 1));
      new Benchmark(name, fn, { maxTime: 2, ...options, onComplete }).run({ async: true });
    });
  }
}

function print({ name, hz, stats }, each) {
  const rate = Math.round(hz * each).toLocaleString("en");
  console.log(`${name.padEnd(58)} ${rate.padStart(10)}/s  ${(1e6 / hz / each).toFixed(2).padStart(8)} us  ±${stats.rme.toFixed(1)} %`);
}
