/** Makes untrusted octets fit for a log line: printable ASCII only, and of limited length; and untrusted text for a terminal. */

const LIMIT = 200;

const PLAIN = /^[ -[\]-~]*$/;

/** Whether nothing in it needs an escape. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text);
}

/** Escapes what is not printable ASCII and cuts the result to `limit` characters. */
export function printable(input: Uint8Array | string, limit = LIMIT): string {
  // A character makes at least one output character, so no more than `limit` of them matter.
  const octets = typeof input === "string" ? Buffer.from(input.slice(0, limit + 1)) : input.subarray(0, limit + 1);
  let text = "";
  for (const octet of octets) {
    const piece = escape(octet);
    if (text.length + piece.length > limit) return `${text}…`;
    text += piece;
  }
  return text;
}

function escape(octet: number): string {
  if (octet === 0x0d) return "\\r";
  if (octet === 0x0a) return "\\n";
  if (octet === 0x5c) return "\\\\";
  if (octet >= 0x20 && octet < 0x7f) return String.fromCharCode(octet);
  return `\\x${octet.toString(16).padStart(2, "0")}`;
}

// Control characters, C1 included, and what turns the direction of writing.
const DANGEROUS = /[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/** Text without what a terminal would obey; the characters of `keep` stay. */
export function visible(text: string, keep = ""): string {
  return text.replace(DANGEROUS, (character) => (keep.includes(character) ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`));
}
