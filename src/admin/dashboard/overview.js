/** The first page: the numbers of now, the last minutes as lines, and what is lost. */
import { Chart } from "/charts.js";
import { byId } from "/make.js";
import { href } from "/route.js";
import { Table } from "/table.js";
import { Tiles } from "/tiles.js";
import { exact } from "/words.js";

const LOSSES = [
  ["malformed", "malformed messages"], ["notSip", "not SIP"], ["tokensForged", "forged tokens"], ["tokensGone", "tokens of dead flows"],
  ["unsolicitedResponses", "unsolicited responses"], ["sendDropped", "could not be sent"], ["flowsRefused", "connections refused"],
  ["flowsOverrun", "clients that did not read"], ["upstreamFailures", "upstream failures"], ["banned", "from banned sources"],
];

export class Overview {
  #tiles = new Tiles(byId("tiles"));
  #losses = new Table(byId("losses"), {
    caption: "Losses", none: "None.", keyOf: ({ name }) => name,
    columns: [{ title: "", of: ({ title }) => title }, { title: "a second", of: ({ second }) => exact(second), tone: () => "n" }, { title: "in all", of: ({ all }) => all }],
  });
  /** Each with what it draws, given the rate of a counter and the status. */
  #charts = [
    [new Chart("chart-messages", "Messages a second", [{ label: "requests in", tone: "blue" }, { label: "responses in", tone: "green" }, { label: "keep-alives", tone: "violet" }]),
      (rate) => [rate("requestsIn"), rate("responsesIn"), rate("pings") + rate("stun") + rate("datagramKeepalives")]],
    [new Chart("chart-classes", "Responses a second", [{ label: "2xx", tone: "green" }, { label: "1xx", tone: "blue" }, { label: "4xx", tone: "amber" }, { label: "5xx, 6xx", tone: "red" }]),
      (rate) => [rate("responses2xx"), rate("responses1xx"), rate("responses4xx"), rate("responses5xx") + rate("responses6xx")]],
    [new Chart("chart-flows", "Flows", [{ label: "connections", tone: "blue" }, { label: "UDP", tone: "violet" }]), (_, { flows }) => [flows.stream, flows.udp]],
    [new Chart("chart-refusals", "Refused a second", [{ label: "403", tone: "red" }, { label: "430", tone: "amber" }, { label: "503", tone: "violet" }]),
      (rate) => [rate("replies403"), rate("replies430"), rate("replies503")]],
  ];
  #before;

  /** Rates are on the server's clock, so that delays of the network do not change them. */
  show(status) {
    const at = status.at / 1000;
    const { counters } = status;
    const before = this.#before;
    if (before === undefined || at < before.at) return void (this.#before = { at, counters }); // the first, or of another start
    if (at === before.at) return;
    const rate = (name) => Math.max(0, (counters[name] - before.counters[name]) / (at - before.at));
    for (const [chart, read] of this.#charts) chart.add(at, read(rate, status));
    this.#tiles.show(tilesOf(status, rate));
    this.#losses.show(LOSSES.filter(([name]) => counters[name] > 0).map(([name, title]) => ({ name, title, second: rate(name), all: counters[name] })));
    this.#before = { at, counters };
  }

  gap() {
    this.#before = undefined;
    for (const [chart] of this.#charts) chart.gap();
  }

  redraw() {
    for (const [chart] of this.#charts) chart.draw();
  }
}

function tilesOf({ flows, registered, pending, shards, memoryBytes, state }, rate) {
  const full = (flows.stream + flows.udp) / flows.limit;
  const fullness = full > 0.9 ? "bad" : full > 0.7 ? "warn" : "";
  const isDraining = state === "draining";
  return [
    ...(registered === null ? [] : [
      { title: "registered AORs", value: exact(registered.addresses), href: href({ list: "bindings" }) },
      { title: "bindings", value: exact(registered.bindings), href: href({ list: "bindings", sort: "expires" }) },
    ]),
    { title: "connections", value: exact(flows.stream), kind: fullness, href: href({ list: "flows" }) },
    { title: "UDP flows", value: exact(flows.udp), kind: fullness, href: href({ list: "flows" }) },
    { title: "requests/s", value: exact(rate("requestsIn")), href: href({ list: "top-talkers" }) },
    { title: "REGISTER/s", value: exact(rate("registersIn")), href: href({ list: "top-talkers" }) },
    { title: "opened/s", value: exact(rate("flowsOpened")) },
    { title: isDraining ? "moved out/s" : "ended/s", value: exact(isDraining ? rate("flowsMoved") : rate("flowsClosed") + rate("flowsExpired")), kind: isDraining ? "warn" : "", href: href({ list: "ended" }) },
    { title: "4xx to 6xx/s", value: exact(rate("responses4xx") + rate("responses5xx") + rate("responses6xx")), href: href({ list: "refused" }) },
    { title: "pending", value: exact(pending) },
    { title: "shards", value: `${shards.running}/${shards.configured}`, kind: shards.running < shards.configured ? "bad" : "" },
    { title: "memory", value: `${Math.round(memoryBytes / 1e6)} MB` },
  ];
}
