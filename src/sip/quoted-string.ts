/** Quoted strings with their escapes (RFC 3261 25.1), in one pass. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** `at` is the index of the opening quote; returns the index after the closing one, -1 when there is none. */
function quotedEnd(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    // The character after a backslash is never the end, even if it is a quote.
    if (code === BACKSLASH) index += 1;
  }
  return -1;
}

export function isQuoted(text: string): boolean {
  return text.charCodeAt(0) === QUOTE && quotedEnd(text, 0) === text.length;
}

/** The meaning of a quoted string; other text unchanged. */
export function unquote(text: string): string {
  if (!isQuoted(text)) return text;
  const inside = text.slice(1, -1);
  return inside.includes("\\") ? inside.replace(/\\([\s\S])/g, "$1") : inside;
}

export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
