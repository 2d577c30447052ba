/** One word out of a few. */
import { expected, type Kind } from "./kind.js";

export function oneOf<const Word extends string>(words: readonly Word[], later: readonly string[] = []): Kind<Word> {
  return {
    syntax: words.map((word) => `\`${word}\``).join(", "),
    parse: (text) => {
      const word = words.find((candidate) => candidate === text.toLowerCase());
      if (word !== undefined) return word;
      const choice = words.join(", ");
      if (later.includes(text.toLowerCase())) return expected(`${choice}: ${text.toLowerCase()} is not in this version`);
      return expected(words.length > 1 ? `one of ${choice}` : choice);
    },
  };
}
