/** Messages as a call ladder: a lane for each party, an arrow for each message; a click shows the message. */
const SVG = "http://www.w3.org/2000/svg";
const ROW = 26;
const HEAD = 34;
const TIME = 96;
const LANE = 240;
const MOST = 300;

export function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export class Ladder {
  constructor(place, show) {
    this.place = place;
    this.show = show;
    this.clear();
  }

  clear() {
    this.messages = [];
    this.draw();
  }

  add(messages) {
    this.messages.push(...messages);
    this.messages.sort((one, other) => one.at - other.at);
    this.messages.splice(0, Math.max(0, this.messages.length - MOST));
    this.draw();
    this.place.scrollTop = this.place.scrollHeight;
  }

  draw() {
    this.place.replaceChildren();
    if (this.messages.length === 0) {
      const hint = document.createElement("p");
      hint.className = "quiet";
      hint.textContent = "Nothing yet. Messages of this phone appear here as they pass.";
      this.place.append(hint);
      return;
    }
    const lanes = lanesOf(this.messages);
    const at = (party) => TIME + lanes.indexOf(party) * LANE + LANE / 2;
    const width = TIME + lanes.length * LANE;
    const height = HEAD + this.messages.length * ROW + 8;
    const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "call ladder" });
    for (const lane of lanes) {
      svg.append(element("line", { class: "lane", x1: at(lane), x2: at(lane), y1: HEAD - 8, y2: height }));
      svg.append(element("text", { x: at(lane), y: 16, "text-anchor": "middle", "font-weight": 600 }, lane));
    }
    this.messages.forEach((message, row) => svg.append(this.rung(message, HEAD + row * ROW + 16, at, width)));
    this.place.append(svg);
  }

  rung(message, y, at, width) {
    const [from, to] = ends(message);
    const [x1, x2] = [at(from), at(to)];
    const label = summary(message.text);
    const stroke = /^[456]\d\d/.test(label) ? "var(--red)" : /^2\d\d/.test(label) ? "var(--green)" : /^\d/.test(label) ? "var(--quiet)" : "var(--blue)";
    const group = element("g", { class: "rung" });
    const head = x1 < x2 ? -7 : 7;
    group.append(
      element("rect", { x: 0, y: y - 17, width, height: ROW }),
      element("text", { class: "soft", x: 4, y: y + 3 }, new Date(message.at).toISOString().slice(11, 23)),
      element("path", { class: "arrow", d: `M${x1} ${y}L${x2} ${y}M${x2 + head} ${y - 4}L${x2} ${y}L${x2 + head} ${y + 4}`, style: `stroke:${stroke}` }),
      element("text", { x: (x1 + x2) / 2, y: y - 4, "text-anchor": "middle" }, label.length > 34 ? `${label.slice(0, 33)}…` : label),
      element("title", {}, label),
    );
    group.addEventListener("click", () => this.show(message));
    return group;
  }
}

const EDGE = "edge";

function ends({ sent, peer, transport }) {
  const [us, them] = [EDGE, `${transport} ${peer}`];
  return sent ? [us, them] : [them, us];
}

/** The phone's side first, then the edge, then the rest in the order of appearance. */
function lanesOf(messages) {
  const all = [...new Set(messages.flatMap(ends))];
  const [first, ...others] = all.filter((party) => party !== EDGE);
  return [first, EDGE, ...others];
}

function summary(text) {
  const line = text.slice(0, text.indexOf("\r\n"));
  const method = /^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(text)?.[1] ?? "";
  return line.startsWith("SIP/2.0 ") ? `${line.slice(8)} (${method})` : line.replace(/ SIP\/2\.0$/, "").replace(/ sips?:/, " ");
}
