/** Makes untrusted octets fit for a log line: printable ASCII only, and of limited length. */

const LIMIT = 200;

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
