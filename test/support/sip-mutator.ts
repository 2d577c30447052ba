/** SIP that is almost right: requests and responses assembled from legal, odd and wrong parts, then mutated a little. */
import type { Random } from "./prng.js";

const SCHEMES = ["sip:", "sip:", "sip:", "sips:", "SIP:", "tel:", "urn:", "sip", ""];
const USERS = ["alice@", "bob@", "al%69ce@", "a?b@", "x;method=y@", "a:pw@", "a:@", "%00@", "a@b@", "", "@", "+1;ext=2@", '"a"@', "a&=+$,;?/#@", "alice%40example.org@"];
const HOSTS = ["example.org", "EXAMPLE.org", "example.org.", "%65xample.org", "192.0.2.1", "[2001:db8::1]", "[::1", "[::ffff:192.0.2.1]", "a..b", "-a", "a_b", "h", ""];
const PORTS = ["", "", "", ":5060", ":0", ":05060", ":65536", ":", ":5o"];
const URI_PARAMS = ["", "", ";lr", ";LR=on", ";transport=tcp", ";transport=TLS", ";maddr=192.0.2.9", ";ob", ";gr", ";gr=urn:uuid:0", ";a=1;a=2", ";a:b=1", ";a/b", ";method=INVITE", ";lr;lr", ";", ";;a", ";a=", ";+x=[1]", ";%6cr"];
const URI_HEADERS = ["", "", "", "?a=b", "?a=b&Route=%3Csip:x%3E", "?"];
const NAMES = ["", "", '"A" ', '"a\\"b, <sip:x@y>;tag=1" ', "A B ", "A<", '"', '"<sip:evil@h>" ', "caf\u00c3\u00a9 ", "%41 "];
const PARAMS = ["", ";tag=1", ";tag=1;x=1;x=2", ";TAG = 1", ';x=";tag=2";tag=1', ';x="<sip:e@v>"', ";tag=1;tag=2", ";tag", ";x=a:b;y=[", ";expires=60", ";q=0.5", ";reg-id=1", ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000000000001>"', ";x=\r\n y", " ; z ", ";expires=0;expires=9", ';x="\\"'];
const VIAS = ["SIP/2.0/UDP ", "SIP / 2.0 / TCP ", "sip/2.0/tls ", "SIP/2.0/UDP\r\n ", "SIP/3.0/UDP ", "SIP/2.0/UDP"];
const VIA_PARAMS = ["", ";rport", ";rport=1", ";keep", ";keep=30", ";received=192.0.2.7", ";received", ';x=";branch=z9hG4bKevil"', ";maddr=192.0.2.8", " ;\trport", ";branch=z9hG4bKtwice", ";RPORT", ';x="\\";rport"', ";x;y=[::1]", "  ", ";alias"];
const METHODS = ["REGISTER", "INVITE", "MESSAGE", "ACK", "CANCEL", "BYE", "SUBSCRIBE", "OPTIONS", "NOTIFY", "invite", "X-1!", "PRACK"];
const LINES = ["Expires: 60", "Expires: 0", "Expires: -1", "Expires: 4294967295", "Supported: path, outbound", "k: gruu,outbound", "Require: outbound", "Require: x", "Proxy-Require: x", "Max-Breadth: 0", "Max-Breadth: 60", "Max-Forwards: 1", "Subject: a\r\n b", "X-Y : z", "Event: presence", "User-Agent: x", "P-Asserted-Identity: <sip:a@b>", "Timestamp: 1", "Flow-Timer: 5", "Reason: SIP;cause=487", "b: <sip:r@h>", "Content-Type: a/b"];
const DIGEST = ['realm="example.org"', 'username="alice"', 'nonce="x"', 'uri="sip:example.org"', 'response="00"', "algorithm=MD5", "algorithm=SHA-256", "qop=auth", "nc=00000001", 'cnonce="c"', 'username="a\\"b"', "opaque=,", "stale", 'realm=""', "qop=auth-int"];
const BITS = ["\r\n ", "\r\n", "\r", "\n", "\0", "\t", " ", '"', "\\", "<", ">", ",", ";", "=", ":", "@", "?", "%", "%41", "[", "]", "*", "\u00ff", "SIP/2.0", "a"];

export class SipMutator {
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Octets of one message. */
  next(): Buffer {
    let text = this.#random(5) === 0 ? this.#response() : this.#request();
    // One in three stays as it is; the others are mutated once or twice.
    for (let bends = this.#random(3); bends > 0; bends -= 1) text = this.bend(text);
    return Buffer.from(text, "latin1");
  }

  #one(list: readonly string[]): string {
    return list[this.#random(list.length)] ?? "";
  }

  #uri(): string {
    return this.#one(SCHEMES) + this.#one(USERS) + this.#one(HOSTS) + this.#one(PORTS) + this.#one(URI_PARAMS) + this.#one(URI_HEADERS);
  }

  /** Usually a plain one, or too few messages would be valid as a whole. */
  #address(plain: string): string {
    if (this.#random(3) > 0) return plain;
    const uri = this.#random(2) === 0 ? this.#uri() : plain.replace(/^.*<|>.*$/g, "");
    return (this.#random(6) === 0 ? uri : `${this.#one(NAMES)}<${uri}>`) + this.#one(PARAMS);
  }

  #list(plain: string): string {
    return Array.from({ length: 1 + this.#random(3) }, () => this.#address(plain)).join(this.#one([",", " , ", ",\r\n "]));
  }

  #via(): string {
    const host = this.#random(3) === 0 ? this.#one(HOSTS) + this.#one(PORTS) : "192.0.2.1:5060";
    const transport = this.#random(4) === 0 ? this.#one(VIAS) : "SIP/2.0/TCP ";
    const branch = this.#random(8) === 0 ? "" : `;branch=z9hG4bKm${(this.#count += 1)}`;
    const odd = (): string => (this.#random(2) === 0 ? this.#one(VIA_PARAMS) : "");
    return transport + host + odd() + branch + odd();
  }

  #lines(method: string): string[] {
    const isRegister = method === "REGISTER";
    const lines = [
      `${this.#one(["Via", "v", "VIA"])}: ${this.#via()}`,
      `${this.#one(["From", "f"])}: ${this.#address("<sip:alice@example.org>;tag=a")}`,
      `${this.#one(["To", "t"])}: ${this.#address(isRegister ? "<sip:alice@example.org>" : "<sip:bob@example.org>")}`,
      `${this.#one(["Call-ID", "i"])}: call-${(this.#count += 1)}${this.#one(["", "", "@h", "{}<>"])}`,
      `CSeq: ${this.#one(["1", "2", "0009", "4294967296"])}${this.#one([" ", " ", "\t "])}${method}`,
      "Content-Length: 0",
    ];
    const extra = [
      () => `Via: ${this.#via()}, ${this.#via()}`,
      () => `${this.#one(["Contact", "m"])}: ${this.#list("<sip:alice@192.0.2.1>")}`,
      () => "Contact: *",
      () => `Route: ${this.#list("<sip:example.org;lr>")}`,
      () => `Record-Route: ${this.#list("<sip:p.example.net;lr>")}`,
      () => `Path: ${this.#list("<sip:t@e.example.net;lr;ob>")}`,
      () => `${this.#one(["Authorization", "Proxy-Authorization"])}: Digest ${Array.from({ length: 8 }, () => this.#one(DIGEST)).join(", ")}`,
      () => this.#one(LINES),
      () => this.#one(LINES),
    ];
    for (const make of extra) if (this.#random(3) === 0) lines.splice(this.#random(lines.length + 1), 0, make());
    return lines;
  }

  #request(): string {
    const method = this.#one(METHODS);
    const uri = this.#random(4) === 0 ? this.#uri() : method === "REGISTER" ? "sip:example.org" : "sip:bob@example.org";
    return [`${method} ${uri} SIP/2.0`, ...this.#lines(method), "", ""].join("\r\n");
  }

  #response(): string {
    const status = this.#one(["100 Trying", "180 Ringing", "199 X", "183", "101 ", "200 OK", "302 Moved", "407 \u00c3\u00a9", "430 Flow Failed", "699 x"]);
    return [`SIP/2.0 ${status}`, ...this.#lines(this.#one(METHODS)), "", ""].join("\r\n");
  }

  /** The same with a few octets more, less or other. */
  bend(text: string): string {
    const at = this.#random(text.length + 1);
    const length = 1 + this.#random(8);
    switch (this.#random(4)) {
      case 0:
        return text.slice(0, at) + this.#one(BITS) + text.slice(at);
      case 1:
        return text.slice(0, at) + text.slice(at + length);
      case 2:
        return text.slice(0, at) + text.slice(at, at + length) + text.slice(at);
      default:
        return text.slice(0, at) + this.#one(BITS) + text.slice(at + length);
    }
  }
}
