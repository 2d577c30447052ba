/** Requests in which one part grows, to expose readers that go back and forth. Each fits in a head of 16 KB. */

export interface Shape {
  readonly name: string;
  /** A request with about this many octets in the growing part. */
  readonly of: (size: number) => Buffer;
}

/** A part is the Request-URI, or header lines of that name. */
type Parts = Readonly<Partial<Record<"uri" | "Via" | "From" | "To" | "Contact" | "more", string>>>;

let calls = 0;

/** A request from alice to bob, valid except for the given parts. */
export function requestOf(method: string, parts: Parts = {}): Buffer {
  calls += 1;
  const isRegister = method === "REGISTER";
  const lines = [
    `${method} ${parts.uri ?? (isRegister ? "sip:example.org" : "sip:bob@example.org")} SIP/2.0`,
    `Via: ${parts.Via ?? `SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKshape${calls};rport`}`,
    "Max-Forwards: 70",
    `From: ${parts.From ?? "<sip:alice@example.org>;tag=a"}`,
    `To: ${parts.To ?? (isRegister ? "<sip:alice@example.org>" : "<sip:bob@example.org>")}`,
    `Call-ID: shape-${calls}`,
    `CSeq: 1 ${method}`,
    `Contact: ${parts.Contact ?? "<sip:alice@192.0.2.1>"}`,
    ...(parts.more === undefined ? [] : [parts.more]),
    "Content-Length: 0",
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

const UNITS = [" ", "\t", "\r\n ", ";a", ";a=", ";a=b", ';a="b;c"', ';a="\\"', "%41", "<", ">", '"', "\\", ",", ", ", "<sip:a@b>,", "a.", "a:", "[", "?a=b", "&a=b", "=", "@", ";method=x", ";lr", "tag=", ";tag =", "*", "-"];
const PLACES: readonly { readonly name: string; readonly method: string; readonly parts: (text: string) => Parts }[] = [
  { name: "Via before its parameters", method: "MESSAGE", parts: (text) => ({ Via: `SIP/2.0/TCP 192.0.2.1${text};rport;branch=z9hG4bKx${(calls += 1)}` }) },
  { name: "Via behind them", method: "MESSAGE", parts: (text) => ({ Via: `SIP/2.0/TCP 192.0.2.1;rport;branch=z9hG4bKx${(calls += 1)};received=1${text}` }) },
  { name: "Via, a quoted string", method: "MESSAGE", parts: (text) => ({ Via: `SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKx${(calls += 1)};x="${text}"` }) },
  { name: "From", method: "INVITE", parts: (text) => ({ From: `<sip:alice@example.org>;tag=a${text}` }) },
  { name: "From, its name", method: "MESSAGE", parts: (text) => ({ From: `"${text}" <sip:alice@example.org>;tag=a` }) },
  { name: "From, its URI", method: "MESSAGE", parts: (text) => ({ From: `<sip:alice@example.org${text}>;tag=a` }) },
  { name: "To", method: "REGISTER", parts: (text) => ({ To: `<sip:alice@example.org>${text}` }) },
  { name: "user of the Request-URI", method: "INVITE", parts: (text) => ({ uri: `sip:b${text}@example.org` }) },
  { name: "parameters of the Request-URI", method: "MESSAGE", parts: (text) => ({ uri: `sip:bob@example.org${text}` }) },
  { name: "Contact of a REGISTER", method: "REGISTER", parts: (text) => ({ Contact: `<sip:alice@192.0.2.1>${text}` }) },
  { name: "Contact, its URI", method: "REGISTER", parts: (text) => ({ Contact: `<sip:al${text}ice@192.0.2.1>` }) },
  { name: "Contact of an INVITE", method: "INVITE", parts: (text) => ({ Contact: `<sip:alice@192.0.2.1>${text}` }) },
  { name: "Expires", method: "REGISTER", parts: (text) => ({ more: `Expires: 1${text}` }) },
  { name: "Supported", method: "REGISTER", parts: (text) => ({ more: `Supported: outbound${text}` }) },
  { name: "Require", method: "REGISTER", parts: (text) => ({ more: `Require: gruu${text}` }) },
  { name: "Authorization", method: "REGISTER", parts: (text) => ({ more: `Authorization: Digest${text} realm="example.org"` }) },
  { name: "Authorization, a quoted string", method: "REGISTER", parts: (text) => ({ more: `Authorization: Digest realm="example.org", username="${text}", nonce="x", uri="sip:x", response="y"` }) },
  { name: "Route", method: "MESSAGE", parts: (text) => ({ more: `Route: <sip:example.org;lr>${text}` }) },
  { name: "Path", method: "REGISTER", parts: (text) => ({ more: `Path: <sip:edge.example.net;lr${text}>` }) },
  { name: "Record-Route", method: "INVITE", parts: (text) => ({ more: `Record-Route: <sip:edge.example.net;lr>${text}` }) },
  { name: "Max-Breadth", method: "INVITE", parts: (text) => ({ more: `Max-Breadth: 1${text}` }) },
];

const LINES = ["Contact: <sip:a@b>", "Authorization: Digest realm=x", "Proxy-Authorization: Digest x=y", "Supported: a", "Require: b", "Path: <sip:a;lr>", "X: y", "Subject:", "Record-Route: <sip:a;lr>"];

/** Each unit repeated in each place, and each line as often as it fits. */
export const SHAPES: readonly Shape[] = [
  ...PLACES.flatMap(({ name, method, parts }) =>
    UNITS.map((unit) => ({ name: `${name}: ${JSON.stringify(unit)}`, of: (size: number) => requestOf(method, parts(unit.repeat(Math.floor(size / unit.length)))) })),
  ),
  ...["INVITE", "REGISTER"].flatMap((method) =>
    LINES.map((line) => ({ name: `${method} with many ${JSON.stringify(line)}`, of: (size: number) => requestOf(method, { more: Array.from({ length: Math.min(185, Math.floor(size / (line.length + 2))) }, () => line).join("\r\n") }) })),
  ),
];
