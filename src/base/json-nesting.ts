/** How deep a JSON text is nested, told as it comes: parsing 4 MB of brackets takes more than a second, and nothing else runs meanwhile. */
const [QUOTE, BACKSLASH, BRACKET, BRACKET_END, BRACE, BRACE_END] = ["\"", "\\", "[", "]", "{", "}"].map((character) => character.charCodeAt(0));

export class JsonNesting {
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  /** False: it is deeper than `most` somewhere in the next part. */
  isWithin(most: number, part: string): boolean {
    for (let at = 0; at < part.length; at += 1) {
      const code = part.charCodeAt(at);
      if (this.#inString) this.#inText(code);
      else if (code === QUOTE) this.#inString = true;
      else if (code === BRACKET_END || code === BRACE_END) this.#depth -= 1;
      else if ((code === BRACKET || code === BRACE) && ++this.#depth > most) return false;
    }
    return true;
  }

  #inText(code: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (code === BACKSLASH) this.#isEscaped = true;
    else if (code === QUOTE) this.#inString = false;
  }
}
