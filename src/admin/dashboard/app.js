/** The page: numbers of now, lines of the last minutes, and the phone that somebody looks for. */
import { Chart, exact } from "/charts.js";
import { ask, listen } from "/link.js";
import { ListView } from "/lists.js";
import { PhoneView, span } from "/phones.js";

const byId = (id) => document.getElementById(id);
const SURVEY_MS = 5000;
const STEPS = ["< 30 s", "< 1 min", "< 5 min", "< 1 h", "< 6 h", "< 1 d", "≥ 1 d"];

const phone = new PhoneView();
const root = document.documentElement;
root.dataset.theme = localStorage.getItem("sluice-theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

const charts = [
  [new Chart("chart-messages", [{ label: "requests in", tone: "blue" }, { label: "responses in", tone: "teal" }, { label: "keep-alives", tone: "violet" }]),
    (rate) => [rate("requestsIn"), rate("responsesIn"), rate("pings") + rate("stun") + rate("datagramKeepalives")]],
  [new Chart("chart-classes", [{ label: "2xx", tone: "green" }, { label: "1xx", tone: "teal" }, { label: "4xx", tone: "amber" }, { label: "5xx, 6xx", tone: "red" }]),
    (rate) => [rate("responses2xx"), rate("responses1xx"), rate("responses4xx"), rate("responses5xx") + rate("responses6xx")]],
  [new Chart("chart-flows", [{ label: "connections", tone: "blue" }, { label: "UDP", tone: "violet" }]), (_, { flows }) => [flows.stream, flows.udp]],
  [new Chart("chart-refusals", [{ label: "403", tone: "red" }, { label: "430", tone: "amber" }, { label: "503", tone: "violet" }]),
    (rate) => [rate("replies403"), rate("replies430"), rate("replies503")]],
];

byId("theme").addEventListener("click", () => {
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("sluice-theme", root.dataset.theme);
  for (const [chart] of charts) chart.draw();
});

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  openPhone(byId("word").value.trim());
});

function openPhone(word) {
  if (word === "") return;
  byId("word").value = word;
  location.hash = encodeURIComponent(word);
  phone.open(word).catch((error) => (byId("trace").textContent = error.message));
  byId("phone").scrollIntoView({ block: "nearest" });
}

const lists = new ListView(openPhone);

let before;
let mode = "";

function heard(event) {
  if (event.kind === "messages") return phone.take(event);
  if (event.kind !== "status") return;
  const { status } = event;
  // On the server's clock, so that network delays do not change the rate.
  const at = status.at / 1000;
  show(status);
  if (before !== undefined) {
    const seconds = at - before.at;
    // From another start, or the same response again.
    if (seconds <= 0) return void (before = seconds < 0 ? { at, counters: status.counters } : before);
    const rate = (name) => Math.max(0, (status.counters[name] - before.counters[name]) / seconds);
    for (const [chart, read] of charts) chart.add(at, read(rate, status));
    tiles(status, rate);
    losses(status, rate);
  }
  before = { at, counters: status.counters };
}

function show({ mode: what, version, state, uptimeSeconds }) {
  mode = what;
  byId("mode").textContent = `${version} ${mode}`;
  pill(state === "up" ? "up" : "draining", state === "up" ? "up" : "bad");
  byId("since").textContent = `for ${span(uptimeSeconds * 1000)}`;
}

function pill(text, kind) {
  byId("state").textContent = text;
  byId("state").className = `pill ${kind}`;
}

function tiles({ flows, pending, shards, memoryBytes, state }, rate) {
  const full = (flows.stream + flows.udp) / flows.limit;
  const rows = [
    [exact(flows.stream), "connections", full > 0.9 ? "bad" : full > 0.7 ? "warn" : ""],
    [exact(flows.udp), "UDP flows", ""],
    [exact(rate("requestsIn")), "requests/s", ""],
    [exact(rate("registersIn")), "REGISTER/s", ""],
    [exact(rate("flowsOpened")), state === "draining" ? "opened/s" : "connections opened/s", ""],
    [exact(state === "draining" ? rate("flowsMoved") : rate("flowsClosed") + rate("flowsExpired")), state === "draining" ? "moved out/s" : "flows ended/s", state === "draining" ? "warn" : ""],
    [exact(pending), "pending requests", ""],
    [`${shards.running}/${shards.configured}`, "shards", shards.running < shards.configured ? "bad" : ""],
    [`${Math.round(memoryBytes / 1e6)} MB`, "memory", ""],
  ];
  byId("tiles").replaceChildren(...rows.map(([value, title, kind]) => {
    const tile = make("div", `tile ${kind}`);
    tile.append(make("b", "", value), make("span", "", title));
    return tile;
  }));
}

function losses({ counters }, rate) {
  const rows = [
    ["malformed", "malformed messages"], ["notSip", "not SIP"], ["tokensForged", "forged tokens"], ["tokensGone", "tokens of dead flows"],
    ["unsolicitedResponses", "unsolicited responses"], ["sendDropped", "could not be sent"], ["flowsRefused", "connections refused"],
    ["flowsOverrun", "clients that did not read"], ["upstreamFailures", "upstream failures"], ["banned", "from banned sources"],
  ].filter(([name]) => counters[name] > 0);
  byId("losses").replaceChildren(rows.length === 0 ? make("p", "quiet", "None.") : table(["", "a second", "in all"], rows.map(([name, title]) => [title, exact(rate(name)), exact(counters[name])])));
}

async function slow() {
  try {
    const [{ upstreams }, survey] = await Promise.all([ask("GET", "/api/upstreams"), ask("GET", "/api/survey")]);
    byId("upstreams").replaceChildren(upstreams.length === 0 ? noUpstream() : table(["target", "priority", "weight", "silent", "in shards"], upstreams.map((one) => [
      `${one.transport} ${one.address}:${one.port}`, one.priority, one.weight, one.silentMs > 0 ? span(one.silentMs) : "", [one.aliveIn === one.shards ? "alive" : `alive in ${one.aliveIn} of ${one.shards}`, one.aliveIn === one.shards ? "ok" : "fail"],
    ])));
    drawSurvey(survey);
  } catch {
    // The line is down; the pill says so.
  }
}

/** Only an edge needs one. */
function noUpstream() {
  if (mode === "edge") return make("p", "fail", "None: requests of clients are answered 503. Set SLUICE_UPSTREAM.");
  return make("p", "quiet", "None, and none is needed: phones register here. SLUICE_UPSTREAM says where calls to other domains go.");
}

function drawSurvey({ ages, silence, outbound, supervised }) {
  const most = Math.max(...ages, ...silence, 1);
  const bar = (count, tone) => {
    const one = make("i", "");
    one.style.setProperty("--share", `${(count / most) * 100}%`);
    one.style.setProperty("--tone", `var(--${tone})`);
    one.append(make("em", "", count === 0 ? "" : exact(count)));
    return one;
  };
  const head = make("div", "bar");
  head.append(make("span", ""), make("span", "quiet", "connections, by age"), make("span", "quiet", "flows, by silence"));
  const rows = STEPS.map((step, at) => {
    const row = make("div", "bar");
    row.append(make("span", "", step), bar(ages[at], "blue"), bar(silence[at], at < 3 ? "green" : "amber"));
    return row;
  });
  byId("survey").replaceChildren(head, ...rows, make("p", "quiet", `${exact(outbound)} outbound, ${exact(supervised)} with Flow-Timer`));
}

function table(heads, rows) {
  const made = make("table", "");
  const number = (value) => (typeof value === "number" || /^[\d.,]+$/.test(String(value)) ? "n" : "");
  const top = made.createTHead().insertRow();
  heads.forEach((head, at) => top.append(make("th", number(rows[0]?.[at] ?? ""), head)));
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const cell of row) line.append(Array.isArray(cell) ? make("td", cell[1], cell[0]) : make("td", number(cell), String(cell)));
  }
  return made;
}

function make(name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The first question brings the login where a token is needed, so that the live line has it.
const first = await ask("GET", "/api/status").catch(() => undefined);
if (first) show(first);
lists.begin(mode);
listen(heard, (isUp) => {
  document.body.classList.toggle("gone", !isUp);
  if (isUp) return;
  pill("no connection", "bad");
  if (!byId("since").textContent.startsWith("since")) byId("since").textContent = `since ${new Date().toLocaleTimeString([], { hourCycle: "h23" })}: what you see is older`;
});
void slow();
setInterval(slow, SURVEY_MS);
/** Keeps what is open across back, forward and reload. */
function followHash() {
  const word = decodeURIComponent(location.hash.slice(1));
  if (word === phone.word) return;
  if (word === "") phone.close();
  else openPhone(word);
}
addEventListener("hashchange", followHash);
followHash();

addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "")) {
    event.preventDefault();
    byId("word").focus();
  }
  if (event.key === "Escape" && phone.word !== "" && !byId("login").open) {
    phone.close();
    location.hash = "";
  }
});
