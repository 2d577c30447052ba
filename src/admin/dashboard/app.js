/** The page: an overview, the lists, and the phone that somebody looks for; the URL says which. */
import { Farm } from "/farm.js";
import { listenToKeys } from "/keys.js";
import { ask, listen } from "/link.js";
import { ListView } from "/lists.js";
import { byId, make, setText } from "/make.js";
import { ban, onChange, say } from "/orders.js";
import { Overview } from "/overview.js";
import { PhoneView } from "/phone.js";
import { follow, go, href, route } from "/route.js";
import { find } from "/search.js";
import { server } from "/server.js";
import { Survey } from "/survey.js";
import { Upstreams } from "/upstreams.js";
import { clock, span } from "/words.js";

/** In beats of a second. */
const SURVEY = 5;
const root = document.documentElement;
root.dataset.theme = localStorage.getItem("sluice-theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

const overview = new Overview();
const survey = new Survey(byId("survey"));
const upstreams = new Upstreams(byId("upstreams"));
const farm = new Farm(byId("farm"));
const lists = new ListView();
const phone = new PhoneView();
let beats = 0;

byId("theme").addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("sluice-theme", root.dataset.theme);
  overview.redraw();
});

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const word = byId("word").value.trim();
  if (word !== "") find(word).then(go, (error) => say(error.message, "fail"));
});

byId("ban-other").addEventListener("click", () => void ban(""));
byId("phone-close").addEventListener("click", up);

/** Shows what the URL says. */
function open(place) {
  const view = place.phone !== "" ? "phone" : place.list !== "" ? "list" : "overview";
  for (const name of ["phone", "list", "overview"]) byId(name).hidden = name !== view;
  if (view === "phone") phone.open(place.phone);
  else phone.close();
  if (view === "list") lists.open({ ...place, phone: "", message: "" });
  else lists.close();
  if (view === "overview") void slow();
  byId("ban-other").hidden = place.list !== "bans";
  setText(document.querySelector("title"), view === "phone" ? `${place.phone} · Sluice` : view === "list" ? `${place.list} · Sluice` : "Sluice");
  markPlace();
  say("", "");
}

/** Among the links to the lists, the one where we are. */
function markPlace() {
  const { phone: word, list } = route();
  const here = word !== "" ? "" : list || "overview";
  for (const link of byId("places").children) {
    if (link.dataset.list === here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** One step towards the overview: the message, the phone, the list. */
function up() {
  const place = route();
  if (phone.closeMessage() && place.phone !== "") return;
  if (place.phone === "" && place.list === "") return;
  go({ ...place, phone: "", message: "", ...(place.phone === "" && { list: "", q: "", sort: "", silence: "", age: "" }) });
}

function heard(event) {
  if (event.kind === "messages") return phone.take(event);
  if (event.kind === "events") return phone.happened(event.events);
  if (event.kind !== "status") return;
  show(event.status);
  overview.show(event.status);
  phone.beat();
  if (beats % SURVEY === 0) void slow();
  beats += 1;
}

function show({ mode, node, neighbours, version, state, uptimeSeconds }) {
  Object.assign(server, { node, neighbours });
  byId("farm-part").hidden = neighbours === 0;
  if (server.mode !== mode) {
    server.mode = mode;
    byId("places").replaceChildren(make("a", { href: href({}), text: "Overview", "data-list": "overview" }), ...lists.links());
    markPlace();
  }
  setText(byId("mode"), `${version} ${mode}${neighbours > 0 ? ` ${node}` : ""}`);
  pill(state === "up" ? "up" : "draining", state === "up" ? "up" : "bad");
  setText(byId("since"), `for ${span(uptimeSeconds * 1000)}`);
}

function pill(text, kind) {
  setText(byId("state"), text);
  byId("state").className = `pill ${kind}`;
}

/** What costs the server a look at every flow. */
async function slow() {
  if (byId("overview").hidden || server.mode === "") return;
  try {
    const [targets, counts] = await Promise.all([ask("GET", "/api/upstreams"), ask("GET", "/api/survey")]);
    upstreams.show(targets.upstreams, server.mode);
    survey.show(counts);
    if (server.neighbours > 0) await farm.refresh();
  } catch (error) {
    say(error.message, "fail");
  }
}

/** Everything greys out and says since when; when the line is back, everything is asked for again. */
function line(isUp) {
  const wasGone = document.body.classList.contains("gone");
  document.body.classList.toggle("gone", !isUp);
  if (isUp) {
    setText(byId("gone"), "");
    beats = 0;
    if (!wasGone) return;
    say("", "");
    phone.again();
    void lists.load();
    return;
  }
  if (wasGone) return;
  overview.gap();
  pill("no connection", "bad");
  setText(byId("since"), "");
  setText(byId("gone"), `No connection to the server since ${clock(Date.now())}: what you see is from then. It is tried again every second.`);
}

onChange(() => {
  void phone.refresh();
  void lists.load();
});
listenToKeys(byId("word"), up);
// The first question brings the login where a token is needed, so that the live line has it.
const first = await ask("GET", "/api/status").catch(() => undefined);
if (first) show(first);
listen(heard, line);
follow(open);
