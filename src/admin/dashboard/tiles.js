/** Numbers of now; one that counts something which can be listed is a link to it. */
import { make, setText, sync } from "/make.js";

export class Tiles {
  #place;

  constructor(place) {
    this.#place = place;
  }

  /** [{ title, value, kind?: "warn" | "bad", href? }] */
  show(tiles) {
    sync(this.#place, tiles, {
      keyOf: ({ title }) => title,
      create: ({ title, href }) => {
        const parts = [make("b"), make("span", { text: title })];
        return make("li", {}, href ? make("a", { href }, ...parts) : make("div", {}, ...parts));
      },
      update: (tile, { value, kind = "" }) => {
        tile.className = kind;
        setText(tile.firstElementChild.firstElementChild, value);
      },
    });
  }
}
