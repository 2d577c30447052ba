/** How old the flows are and how long they have been silent, as bars; each opens the flows that it counts. */
import { make, setText, sync } from "/make.js";
import { href } from "/route.js";
import { exact } from "/words.js";

const STEPS = [["< 30 s", "0-30"], ["< 1 min", "30-60"], ["< 5 min", "60-300"], ["< 1 h", "300-3600"], ["< 6 h", "3600-21600"], ["< 1 d", "21600-86400"], ["≥ 1 d", "86400-"]];
/** From here on a phone that keeps its flow alive would have spoken. */
const LATE = 3;

/** What the list says when a bar opened it. */
export function classOf(range) {
  return STEPS.find(([, one]) => one === range)?.[0] ?? `${range} s`;
}

export class Survey {
  #bars = make("ul", { kind: "bars" });
  #note = make("p", { kind: "quiet" });

  constructor(place) {
    place.append(make("div", { kind: "bar quiet" }, make("span"), make("span", { text: "connections, by age" }), make("span", { text: "flows, by silence" })), this.#bars, this.#note);
  }

  show({ ages, silence, outbound, supervised }) {
    const most = Math.max(...ages, ...silence, 1);
    const rows = STEPS.map(([step, range], at) => ({ step, bars: [{ what: "age", range, count: ages[at], tone: "blue" }, { what: "silence", range, count: silence[at], tone: at < LATE ? "green" : "amber" }] }));
    sync(this.#bars, rows, {
      keyOf: ({ step }) => step,
      create: ({ step, bars }) => make("li", { kind: "bar" }, make("span", { text: step }), ...bars.map((bar) => emptyBar(step, bar))),
      update: (line, { bars }) => bars.forEach(({ count }, at) => fill(line.children[at + 1], count, most)),
    });
    setText(this.#note, `${exact(outbound)} outbound, ${exact(supervised)} with Flow-Timer`);
  }
}

function emptyBar(step, { what, range, tone }) {
  const bar = make("a", { href: href({ list: "flows", [what]: range }) }, make("em"), make("span", { kind: "unseen", text: ` ${what} ${step}` }));
  bar.style.setProperty("--tone", `var(--${tone})`);
  return bar;
}

function fill(bar, count, most) {
  bar.style.setProperty("--share", `${(count / most) * 100}%`);
  setText(bar.firstElementChild, exact(count));
}
