/**
 * Messages as a call ladder: a lane for each party, a rung for each message. Rungs are added at the end and never drawn again, so one can be
 * clicked while others come. Arrow keys go from rung to rung; where a lane stands is a variable of the style sheet.
 */
import { make, note, setText } from "/make.js";
import { clock } from "/words.js";

const MOST = 500;
/** Closer to the end than this, the ladder follows what comes. */
const NEAR = 40;
const SIDES = ["left", "own", "right"];

export class Ladder {
  #place;
  #lanes;
  #show;
  #heads = make("div", { kind: "lanes", "aria-hidden": "true" });
  #rungs = make("ol", { kind: "rungs", role: "listbox", "aria-label": "Messages, the oldest first" });
  #drawn = make("div", { kind: "drawn" }, this.#heads, this.#rungs);
  /** From left to right: { key, id, message, side, head }. */
  #order = [];
  #lastId = 0;
  #selected;
  #wanted = "";

  constructor(place, lanes, show) {
    this.#place = place;
    this.#lanes = lanes;
    this.#show = show;
    this.#rungs.addEventListener("click", ({ target }) => this.#select(target.closest("li"), true));
    this.#rungs.addEventListener("keydown", (event) => this.#key(event));
    this.clear();
  }

  clear() {
    this.#order = [];
    this.#selected = undefined;
    this.#heads.replaceChildren();
    this.#rungs.replaceChildren();
    this.#place.replaceChildren(note("Nothing yet. Messages of this phone appear here as they pass."));
  }

  /** The message to show when it comes: the one that was open before a reload. */
  want(key) {
    this.#wanted = key;
  }

  add(messages) {
    if (messages.length === 0) return;
    if (this.#drawn.parentElement !== this.#place) this.#place.replaceChildren(this.#drawn);
    const follows = this.#selected === undefined && this.#place.scrollHeight - this.#place.scrollTop - this.#place.clientHeight < NEAR;
    for (const message of messages) this.#insert(message);
    while (this.#rungs.children.length > MOST) this.#drop(this.#rungs.firstElementChild);
    if (this.#rungs.querySelector("[tabindex='0']") === null) this.#rungs.firstElementChild.tabIndex = 0;
    if (follows) this.#place.scrollTop = this.#place.scrollHeight;
  }

  /** Names have become known, and on which side somebody stands. */
  relabel() {
    for (const lane of this.#order) this.#label(lane);
    this.#arrange();
    for (const rung of this.#rungs.children) {
      this.#point(rung);
      this.#name(rung);
    }
  }

  /** Nothing is selected any longer; the focus stays on the rung. */
  release() {
    this.#selected?.setAttribute("aria-selected", "false");
    this.#selected?.focus({ preventScroll: true });
    this.#selected = undefined;
  }

  /** By time: shards deliver their copies one after the other. */
  #insert(message) {
    const key = `${Math.round(message.at * 1000)}${message.sent ? "s" : "r"}`;
    let after = this.#rungs.lastElementChild;
    while (after !== null && after.message.at > message.at) after = after.previousElementSibling;
    for (let same = after; same !== null && same.message.at === message.at; same = same.previousElementSibling) if (same.dataset.key === key && same.message.text === message.text) return;
    const rung = this.#rung(message, key);
    if (after === null) this.#rungs.prepend(rung);
    else after.after(rung);
    if (key === this.#wanted) this.#select(rung, false);
  }

  #rung(message, key) {
    const [from, to] = this.#lanes.endsOf(message).map((end) => this.#lane(end, message));
    const label = summary(message.text);
    const arrow = make("span", {}, make("span", { text: label }));
    const rung = make("li", { role: "option", tabindex: "-1", "aria-selected": "false", "data-key": key }, make("time", { text: `${clock(message.at)}.${String(Math.floor(message.at % 1000)).padStart(3, "0")}` }), make("span", { kind: "unseen" }), arrow);
    Object.assign(rung, { message, label, ends: [from, to] });
    this.#point(rung);
    this.#name(rung);
    return rung;
  }

  /** Draws its arrow from lane to lane. */
  #point({ lastElementChild: arrow, label, ends: [from, to] }) {
    const isRight = this.#order.indexOf(from) < this.#order.indexOf(to);
    arrow.className = `arrow ${isRight ? "right" : "left"} ${toneOf(label)}`;
    arrow.style.setProperty("--from", `var(--lane-${(isRight ? from : to).id})`);
    arrow.style.setProperty("--to", `var(--lane-${(isRight ? to : from).id})`);
  }

  /** What a screen reader says between the time and the message, and others see as the arrow. */
  #name(rung) {
    const [from, to] = rung.ends.map(({ head }) => head.firstElementChild.textContent);
    setText(rung.children[1], ` ${from} to ${to}: `);
  }

  #lane(key, message) {
    const known = this.#order.find((lane) => lane.key === key);
    if (known !== undefined) return known;
    const lane = { key, id: ++this.#lastId, message, side: "", head: make("div", {}, make("b"), make("small")) };
    lane.head.style.setProperty("--at", `var(--lane-${lane.id})`);
    this.#heads.append(lane.head);
    this.#order.push(lane);
    this.#label(lane);
    this.#arrange();
    return lane;
  }

  /** The phone stands on the left of the server, everyone else on its right, in the order in which they came. */
  #arrange() {
    this.#order.sort((one, other) => SIDES.indexOf(one.side) - SIDES.indexOf(other.side));
    this.#heads.append(...this.#order.map(({ head }) => head));
    this.#order.forEach(({ id }, at) => this.#drawn.style.setProperty(`--lane-${id}`, String(at)));
    this.#drawn.style.setProperty("--lanes", String(this.#order.length));
  }

  #label(lane) {
    const { head } = lane;
    const label = this.#lanes.of(lane.key, lane.message);
    lane.side = label.side;
    setText(head.firstElementChild, label.name);
    setText(head.lastElementChild, label.detail);
    head.title = `${label.name}\n${label.detail}`;
  }

  #key(event) {
    const rung = event.target.closest("li");
    const next = { ArrowDown: rung?.nextElementSibling, ArrowUp: rung?.previousElementSibling, Home: this.#rungs.firstElementChild, End: this.#rungs.lastElementChild, Enter: rung, " ": rung }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    if (next !== null) this.#select(next, true);
  }

  #select(rung, isFocused) {
    if (!rung) return;
    this.#selected?.setAttribute("aria-selected", "false");
    for (const other of this.#rungs.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
    rung.tabIndex = 0;
    rung.setAttribute("aria-selected", "true");
    this.#selected = rung;
    this.#wanted = "";
    const [from, to] = rung.ends.map(({ head }) => head.firstElementChild.textContent);
    this.#show({ key: rung.dataset.key, title: `${rung.label}, ${from} to ${to}`, text: rung.message.text });
    if (isFocused) rung.focus();
  }

  /** The focus does not vanish with the oldest rung. */
  #drop(rung) {
    const hadFocus = rung === document.activeElement;
    if (rung === this.#selected) this.#selected = undefined;
    if (rung.tabIndex === 0 && rung.nextElementSibling !== null) rung.nextElementSibling.tabIndex = 0;
    if (hadFocus) rung.nextElementSibling?.focus({ preventScroll: true });
    rung.remove();
  }
}

function toneOf(label) {
  if (/^[3-6]\d\d /.test(label)) return "failure";
  if (/^2\d\d /.test(label)) return "success";
  return /^1\d\d /.test(label) ? "progress" : "";
}

/** The start line without its constant parts, and the method that a response answers. */
export function summary(text) {
  const line = text.slice(0, text.indexOf("\r\n"));
  const method = /^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(text)?.[1] ?? "";
  return line.startsWith("SIP/2.0 ") ? `${line.slice(8)} (${method})` : line.replace(/ SIP\/2\.0$/, "").replace(/ sips?:/, " ");
}
