/** `sluice probe`: an outbound test phone for any SIP server, ours or not. */
import { visible } from "../base/printable.js";
import { showHostPort, splitHostPort } from "../config/host-port.js";
import type { Flow } from "../phone/phone.js";
import type { LinkTarget, PhoneTransport } from "../phone/link.js";
import type { Finding } from "../phone/probe.js";
import type { SipMessage } from "../sip/message.js";
import { type Command, CommandError, Exit } from "./command.js";
import { Ladder } from "./ladder.js";
import { readOptions, wholeNumber } from "./options.js";
import { colour, print, printJson } from "./output.js";

const TRANSPORTS: readonly PhoneTransport[] = ["udp", "tcp", "tls", "ws", "wss"];
const PORTS: Readonly<Record<PhoneTransport, number>> = { udp: 5060, tcp: 5060, tls: 5061, ws: 80, wss: 443 };
const MARKS: Readonly<Record<Finding["result"], string>> = { ok: "✓", fail: "✗", note: "·" };
const STYLES = { ok: "green", fail: "red", note: "yellow" } as const;

export const probe: Command = {
  name: "probe",
  summary: "an outbound test phone: how well does a SIP server support RFC 5626?",
  usage: "sip:USER@DOMAIN[;transport=udp|tcp|tls|ws|wss]",
  help: `
  --server HOST:PORT where to send it (default: found by DNS from the domain)
  --user NAME        for digest (default: the user of the URI)
  --password WORD    for digest; SLUICE_PROBE_PASSWORD hides it from other users of this machine
  --flows N          registrations with reg-id 1 to N (2)
  --expires N        seconds to register for (120)
  --no-delivery      do not send MESSAGE to its own AOR
  --insecure         accept any certificate
  --json             print one JSON document

Exits with 0 when nothing failed, 1 when something did.

  sluice probe 'sip:alice@example.com;transport=tcp' --password secret
  sluice probe sip:probe@example.com --server 127.0.0.1:5060 --json`,
  run: async (args) => {
    const { values, positionals } = readOptions(args, {
      server: { type: "string" }, user: { type: "string" }, password: { type: "string" }, flows: { type: "string" }, expires: { type: "string" },
      "no-delivery": { type: "boolean" }, insecure: { type: "boolean" },
    }, 1);
    const { user, domain, target } = readTarget(positionals[0], values.server, values.insecure === true);
    const password = values.password ?? process.env["SLUICE_PROBE_PASSWORD"];
    const edge = `${target.transport} ${target.host}:${target.port}`;
    const ladder = new Ladder(values.json ? () => undefined : print);
    const messages: { readonly sent: boolean; readonly regId: number; readonly text: string }[] = [];
    const onMessage = (sent: boolean, flow: Flow, message: SipMessage): void => {
      const text = Buffer.from(message.octets).toString("latin1");
      const phone = `phone reg-id=${flow.regId}`;
      messages.push({ sent, regId: flow.regId, text: text.replace(/((?:response|cnonce)=")[^"]*/gi, "$1***") });
      ladder.add(sent ? { at: Date.now(), from: phone, to: edge, text } : { at: Date.now(), from: edge, to: phone, text });
    };
    const [{ Phone }, { Probe }] = await Promise.all([import("../phone/phone.js"), import("../phone/probe.js")]);
    const phone = new Phone({ user, domain, credentials: password === undefined ? undefined : { user: values.user ?? user, password }, onMessage });
    const findings = await new Probe(phone, {
      target,
      flows: Math.min(Math.max(wholeNumber("flows", values.flows, 2), 1), 8),
      expires: wholeNumber("expires", values.expires, 120),
      deliver: values["no-delivery"] !== true,
      onFinding: () => undefined,
      onEvent: (text) => ladder.say(text),
    }).run();
    const failed = findings.filter(({ result }) => result === "fail");
    if (values.json) printJson({ target: edge, aor: phone.aor, verdict: failed.length === 0 ? "ok" : "fail", findings, messages });
    else print(verdictText(findings, edge));
    return failed.length === 0 ? Exit.ok : Exit.failed;
  },
};

function verdictText(findings: readonly Finding[], edge: string): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.map(({ name, result, detail }) => `${colour(STYLES[result], MARKS[result])} ${name.padEnd(width)}  ${visible(detail)}`);
  const failed = findings.filter(({ result }) => result === "fail");
  const verdict = failed.length === 0 ? colour("green", `${edge} does outbound.`) : colour("red", `${edge} fails: ${failed.map(({ name }) => name).join(", ")}.`);
  return ["", ...lines, "", verdict].join("\n");
}

function readTarget(uri: string | undefined, server: string | undefined, insecure: boolean): { readonly user: string; readonly domain: string; readonly target: LinkTarget } {
  const [, user, place = "", parameters = ""] = /^sips?:([^@;]+)@([^;]+)(.*)$/i.exec(uri ?? "") ?? [];
  if (user === undefined) throw new CommandError(Exit.usage, "which phone? For example: sluice probe 'sip:alice@example.com;transport=tcp'");
  const word = /;transport=(\w+)/i.exec(parameters)?.[1]?.toLowerCase() ?? "udp";
  const transport = TRANSPORTS.find((one) => one === word);
  if (transport === undefined) throw new CommandError(Exit.usage, `transport=${word}: expected one of ${TRANSPORTS.join(", ")}`);
  const [at, domain] = [splitHostPort(server ?? place), splitHostPort(place)];
  if (at === undefined || domain === undefined) throw new CommandError(Exit.usage, `expected HOST or HOST:PORT, not ${server ?? place}`);
  return { user, domain: showHostPort(domain.host.name, undefined), target: { transport, host: at.host.name, port: at.port ?? PORTS[transport], insecure } };
}

