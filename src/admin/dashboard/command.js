/** The command line that shows the same as the page, with a button that copies it. */
import { make, setText } from "/make.js";

/** Quoted for a shell if it needs to be. */
export function quoted(word) {
  return /^[\w.:@/+=%,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

export class CommandLine {
  #code = make("code");
  #said = make("span", { kind: "quiet", role: "status" });
  #button = make("button", { kind: "plain", text: "Copy command", onclick: () => this.#copy() });

  constructor(place) {
    place.classList.add("command");
    place.append(this.#code, this.#button, this.#said);
  }

  show(...words) {
    setText(this.#code, ["sluice", ...words.filter((word) => word !== "").map(quoted)].join(" "));
    setText(this.#said, "");
  }

  async #copy() {
    getSelection().selectAllChildren(this.#code);
    // Only https and localhost have a clipboard; elsewhere the selected text is copied the old way.
    const done = navigator.clipboard ? await navigator.clipboard.writeText(this.#code.textContent).then(() => true, () => false) : document.execCommand("copy");
    setText(this.#said, done ? "Copied." : "It is selected: copy it with the keyboard.");
  }
}
