/** Builds elements. A text is always set as a text: nothing that came from the network is ever read as HTML. */
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** `kind`: its classes; `text`: its content; `on…`: a listener; everything else: an attribute. */
export function make(name, { kind, text, ...rest } = {}, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(rest)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function shape(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

export function note(text, kind = "quiet") {
  return make("p", { kind, text });
}

/** Changes nothing that is as it should be, so that a text which somebody is selecting stays. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of `place` one for each row. Those whose key stays are kept and updated: the focus, and a click that has begun, survive.
 */
export function sync(place, rows, { keyOf, create, update }) {
  const focused = place.contains(document.activeElement) ? document.activeElement : undefined;
  const old = new Map([...place.children].map((child) => [child.dataset.key, child]));
  const times = new Map();
  let at = place.firstElementChild;
  for (const row of rows) {
    const name = keyOf(row);
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    const key = time === 1 ? name : `${name} #${time}`;
    let child = old.get(key);
    old.delete(key);
    if (child === undefined) {
      child = create(row);
      child.dataset.key = key;
    }
    update(child, row);
    if (child === at) at = at.nextElementSibling;
    else place.insertBefore(child, at);
  }
  for (const child of old.values()) child.remove();
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}
