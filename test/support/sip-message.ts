/** A received message as the tests read it: slow, forgiving, and written independently of the scanner under test. */

const COMPACT: Readonly<Record<string, string>> = {
  a: "accept-contact", b: "referred-by", c: "content-type", d: "request-disposition", e: "content-encoding", f: "from",
  i: "call-id", k: "supported", l: "content-length", m: "contact", n: "identity-info", o: "event", r: "refer-to",
  s: "subject", t: "to", u: "allow-events", v: "via", x: "session-expires", y: "identity",
};

// Header fields that may have several values on one line, separated by commas (RFC 3261 7.3.1).
const LISTS = new Set(
  "via route record-route path contact supported require proxy-require unsupported allow service-route".split(" "),
);

export interface HeaderLine {
  /** In lower case and long form. */
  readonly name: string;
  /** Unfolded, without surrounding white space. */
  readonly value: string;
  /** As received, folds and all, without the last CRLF. */
  readonly raw: string;
}

export class SipMessage {
  readonly text: string;
  readonly startLine: string;
  readonly lines: readonly HeaderLine[];
  readonly body: string;

  /** `text` has one character per octet (latin1), so that nothing is lost. */
  constructor(text: string) {
    this.text = text;
    const end = text.indexOf("\r\n\r\n");
    const head = end < 0 ? text : text.slice(0, end);
    this.body = end < 0 ? "" : text.slice(end + 4);
    const [startLine = "", ...raws] = head.split(/\r\n(?![ \t])/);
    this.startLine = startLine;
    this.lines = raws.map(readLine);
  }

  get isResponse(): boolean {
    return this.startLine.startsWith("SIP/2.0 ");
  }

  get status(): number {
    return this.isResponse ? Number(this.startLine.slice(8, 11)) : 0;
  }

  get method(): string {
    return this.isResponse ? (this.header("CSeq").split(/\s+/)[1] ?? "") : (this.startLine.split(" ")[0] ?? "");
  }

  get uri(): string {
    return this.isResponse ? "" : (this.startLine.split(" ")[1] ?? "");
  }

  /** Every value of this name in order; lists are split at their commas. */
  all(name: string): readonly string[] {
    const wanted = longName(name);
    const values = this.lines.filter((line) => line.name === wanted).map((line) => line.value);
    return LISTS.has(wanted) ? values.flatMap(splitList) : values;
  }

  /** The first value of this name, or an empty string. */
  header(name: string): string {
    return this.all(name)[0] ?? "";
  }

  has(name: string): boolean {
    return this.all(name).length > 0;
  }
}

export function longName(name: string): string {
  const lower = name.trim().toLowerCase();
  return COMPACT[lower] ?? lower;
}

/** Splits at commas outside quotes and angle brackets. */
export function splitList(value: string): string[] {
  const values: string[] = [];
  let quoted = false;
  let bracketed = false;
  let start = 0;
  for (let at = 0; at < value.length; at += 1) {
    const octet = value[at];
    if (quoted) {
      if (octet === "\\") at += 1;
      else if (octet === '"') quoted = false;
    } else if (octet === '"' && !bracketed) quoted = true;
    else if (octet === "<") bracketed = true;
    else if (octet === ">") bracketed = false;
    else if (octet === "," && !bracketed) {
      values.push(value.slice(start, at).trim());
      start = at + 1;
    }
  }
  values.push(value.slice(start).trim());
  return values;
}

/** The URI of a name-addr or addr-spec value. */
export function uriOf(value: string): string {
  const open = value.lastIndexOf("<");
  return open < 0 ? (value.split(";")[0] ?? "").trim() : value.slice(open + 1, value.indexOf(">", open));
}

/** The user part of a URI or name-addr: in our Path and Record-Route values, the flow token. */
export function userOf(value: string): string {
  const uri = uriOf(value);
  const at = uri.lastIndexOf("@");
  return at < 0 ? "" : uri.slice(uri.indexOf(":") + 1, at);
}

function readLine(raw: string): HeaderLine {
  const colon = raw.indexOf(":");
  const name = longName(colon < 0 ? raw : raw.slice(0, colon));
  return { name, value: raw.slice(colon + 1).replace(/\r\n[ \t]+/g, " ").trim(), raw };
}
