/** Quoted strings with their escapes (RFC 3261 25.1), walked once. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** `at` is where the opening quote stands; returns the index behind the closing one, -1 when there is none. */
function quotedEnd(text: string, at: number): number {
  for (let index = at + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) return index + 1;
    // The character behind a backslash is never the end, not even when it is a quote.
    if (code === BACKSLASH) index += 1;
  }
  return -1;
}

export function isQuoted(text: string): boolean {
  return text.charCodeAt(0) === QUOTE && quotedEnd(text, 0) === text.length;
}

/** What a quoted string means; other text as it is. */
export function unquote(text: string): string {
  if (!isQuoted(text)) return text;
  const inside = text.slice(1, -1);
  return inside.includes("\\") ? inside.replace(/\\([\s\S])/g, "$1") : inside;
}

export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
