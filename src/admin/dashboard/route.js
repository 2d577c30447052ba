/** What is open is written in the URL, so that Back, forward, reload and a copied link show it again. */
const NAMES = ["phone", "list", "q", "sort", "silence", "age", "message"];

/** Every name has a text; "": not set. */
export function route() {
  const query = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]));
}

/** A link to a place: `href({ list: "silent", sort: "ageMs" })`. */
export function href(place) {
  const query = new URLSearchParams(NAMES.filter((name) => place[name]).map((name) => [name, place[name]]));
  return `#${query}`;
}

/** Goes there, so that Back returns. */
export function go(place) {
  location.hash = href(place);
}

/** Notes a detail of where we are, which Back need not undo. */
export function detail(change) {
  history.replaceState(null, "", href({ ...route(), ...change }));
}

/** Calls now and at each change. */
export function follow(show) {
  addEventListener("hashchange", () => show(route()));
  show(route());
}
