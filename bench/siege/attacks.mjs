/** What attackers do, one function each: `(source, tools, turn)`. First ways in, then ways to starve others. */
import { ATTACK } from "./mark.mjs";

const HUGE = 14_000;

function request(line, source, turn, { via = "", from, to, contact, lines = [], body = "", kind = "UDP", name } = {}) {
  const method = line.split(" ")[0];
  const id = `${ATTACK}${process.pid}-${turn}`;
  const text = [
    `${line} SIP/2.0`,
    `Via: SIP/2.0/${kind} ${source.at};rport;branch=z9hG4bKa${process.pid}x${turn}${via}`,
    "Max-Forwards: 70",
    `From: ${from}`,
    `To: ${to}`,
    `Call-ID: ${id}`,
    `CSeq: 1 ${method}`,
    ...(name === undefined ? [] : [`Subject: ${name}`]),
    ...(contact === undefined ? [] : [`Contact: ${contact}`]),
    ...lines,
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
  return { id, octets: Buffer.from(text, "latin1") };
}

/** Sends a request that must not succeed. */
function trespass(name, source, tools, made) {
  tools.mustFail(made.id, name);
  source.send(made.octets);
}

const target = ({ phones, domain }, turn) => `sip:phone${turn % phones}@${domain}`;

/** An Authorization header from someone who knows, or guesses, the password of `user`. */
function digest({ md5, domain }, { user, password, nonce, method, uri, nc = "00000001" }) {
  const response = md5(`${md5(`${user}:${domain}:${password}`)}:${nonce}:${nc}:cn:auth:${md5(`${method}:${uri}`)}`);
  return `Digest username="${user}", realm="${domain}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, nc=${nc}, cnonce="cn"`;
}

const ODD_FROM = ["<sip:phone1@DOMAIN>;tag=a;x=1;x=2", "<sip:phone1@DOMAIN;a=1;a=2>;tag=a", "<sip:phone1@DOMAIN;a:b=1>;tag=a", "<sip:phone1@DOMAIN;a/b>;tag=a", '"a" <sip:phone1@DOMAIN.>;tag=a', "<sip:phone1@%44OMAIN>;tag=a"];

export const kinds = {
  "identity in odd words": (source, tools, turn) => {
    const from = ODD_FROM[turn % ODD_FROM.length].replace("DOMAIN", tools.domain);
    const to = target(tools, turn);
    trespass("an identity in odd words", source, tools, request(`INVITE ${to}`, source, turn, { from, to: `<${to}>`, contact: `<sip:x@${source.at}>`, name: "odd words" }));
  },
  "open relay": (source, tools, turn) => {
    const to = "sip:+19005550100@pstn.example";
    trespass("a call to the trunk", source, tools, request(`INVITE ${to}`, source, turn, { from: ["<sip:x@evil.example>;tag=a", "<sip:anonymous@anonymous.invalid>;tag=a", "<tel:+49123>;tag=a"][turn % 3], to: `<${to}>`, contact: `<sip:x@${source.at}>` }));
  },
  "guessed password": (source, tools, turn) => {
    const user = `phone${turn % tools.phones}`;
    const uri = `sip:${tools.domain}`;
    const authorization = digest(tools, { user, password: `guess${turn}`, nonce: source.nonce ?? "none", method: "REGISTER", uri });
    const aor = `<sip:${user}@${tools.domain}>`;
    trespass("a guessed password", source, tools, request(`REGISTER ${uri}`, source, turn, { from: `${aor};tag=a`, to: aor, contact: `<sip:x@${source.at}>`, lines: [`Authorization: ${authorization}`] }));
  },
  "another's address": (source, tools, turn) => {
    const uri = `sip:${tools.domain}`;
    const aor = `<${target(tools, turn)}>`;
    const authorization = digest(tools, { user: "mallory", password: tools.password, nonce: source.nonce ?? "none", method: "REGISTER", uri });
    trespass("a REGISTER for another's address", source, tools, request(`REGISTER ${uri}`, source, turn, { from: `<sip:mallory@${tools.domain}>;tag=a`, to: aor, contact: `<sip:x@${source.at}>`, lines: [`Authorization: ${authorization}`] }));
  },
  "made-up dialog": (source, tools, turn) => {
    const heard = tools.overheard();
    if (heard === undefined) return;
    const lines = heard.route.flatMap((value) => value.split(/,(?=\s*<)/)).map((value) => `Route: ${value.trim()}`);
    const method = ["INVITE", "MESSAGE", "NOTIFY", "REFER"][turn % 4];
    trespass(`${method} in a dialog that there is not`, source, tools, request(`${method} ${heard.contact}`, source, turn, { from: "<sip:x@evil.example>;tag=a", to: `<${heard.contact}>;tag=b`, contact: `<sip:x@${source.at}>`, lines, name: "made-up dialog" }));
  },
  "long way through blanks": (source, tools, turn) => {
    const to = target(tools, turn);
    source.send(request(`INVITE ${to}`, source, turn, { via: `${" ".repeat(15_000)};x`, from: "<sip:x@evil.example>;tag=a", to: `<${to}>`, contact: "<sip:x@192.0.2.1>", name: "blanks" }).octets);
  },
  "calls without credentials": (source, tools, turn) => {
    const to = target(tools, turn);
    source.send(request(`INVITE ${to}`, source, turn, { from: `<sip:phone1@${tools.domain}>;tag=a`, to: `<${to}>`, contact: "<sip:x@192.0.2.1>", name: "no credentials" }).octets);
  },
  "calls of fourteen thousand octets": (source, tools, turn) => {
    const to = target(tools, turn);
    source.send(request(`INVITE ${to}`, source, turn, { from: `<sip:phone1@${tools.domain}>;tag=a`, to: `<${to}>`, contact: "<sip:x@192.0.2.1>", body: "v".repeat(HUGE), name: "huge" }).octets);
  },
  "flows for nothing": (source, tools, turn) => {
    source.send(request(`OPTIONS sip:${tools.domain}`, source, turn, { via: ";keep", from: "<sip:x@evil.example>;tag=a", to: `<sip:${tools.domain}>` }).octets);
  },
  "queries for many octets": (source, tools, turn) => {
    const aor = `<sip:mallory@${tools.domain}>`;
    source.send(request(`REGISTER sip:${tools.domain}`, source, turn, { from: `${aor};tag=a`, to: aor }).octets);
  },
  "forged tokens": (source, tools, turn) => {
    const to = target(tools, turn);
    const lines = [`Route: <sip:AQEB${"x".repeat(27)}${turn % 10}@127.0.0.1:${tools.ports.udp};lr;ob>`];
    trespass("a forged token", source, tools, request(`MESSAGE ${to}`, source, turn, { from: "<sip:x@evil.example>;tag=a", to: `<${to}>`, lines, name: "forged token" }));
  },
  noise: (source, tools, turn) => {
    const octets = Buffer.alloc(20 + (turn % 1_200));
    for (let at = 0; at < octets.length; at += 1) octets[at] = (turn * 31 + at * at * 17) & 255;
    source.send(octets);
  },
  "broken messages": (source, tools, turn) => {
    const { octets } = request(`INVITE ${target(tools, turn)}`, source, turn, { from: "<sip:x@evil.example>;tag=a", to: "<sip:y@evil.example>" });
    source.send(octets.subarray(0, 20 + (turn % (octets.length - 20))));
  },
  "half a handshake": (source, tools) => {
    tools.dial(tools.ports.tls, Buffer.from("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "latin1"), source.at);
  },
  "half a message": (source, tools, turn) => {
    const { octets } = request(`INVITE ${target(tools, turn)}`, source, turn, { kind: "TCP", from: "<sip:x@evil.example>;tag=a", to: "<sip:y@evil.example>", body: "v".repeat(4_000) });
    tools.dial(tools.ports.tcp, octets.subarray(0, octets.length - 1), source.at);
  },
  "half an upgrade": (source, tools) => {
    tools.dial(tools.ports.ws, Buffer.from("GET / HTTP/1.1\r\nUpgrade: websocket\r\n"), source.at);
  },
  "broken frames": (source, tools) => {
    tools.dial(tools.ports.ws, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n\x8f\xff\x7f\xff\xff\xff", "latin1"), source.at);
  },
  "half an admin request": (source, tools) => {
    tools.dial(tools.admin, Buffer.from("GET /metrics HTTP/1.1\r\nHost: x\r\n"), source.at);
  },
};
