/** Classes of characters that the parsers share (RFC 3261 25.1). Each expression is one class: no input makes it go back. */

const TOKEN = /^[a-z0-9\-.!%*_+`'~]+$/i;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The index of the first character at or behind `at` that is no blank. */
export function skipBlanks(text: string, at: number): number {
  let index = at;
  while (index < text.length && isBlank(text.charCodeAt(index))) index += 1;
  return index;
}
