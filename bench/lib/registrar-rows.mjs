/** The runs of a comparison of registrars as rows, and their chapter in docs/benchmarks.md. */
import { fixed, median } from "./figures.mjs";
import { chart, command, markdown } from "./markdown.mjs";
import { load } from "./results.mjs";

/** One for each workload, digest and server; ratios to the first server are paired within a round, so that a slow minute affects both. */
export function registrarRows(runs, names) {
  const cases = [...new Map(runs.map(({ workload, digest }) => [`${workload} ${digest}`, { workload, digest }])).values()];
  return cases.flatMap(({ workload, digest }) => {
    const of = (name) => runs.filter((run) => run.name === name && run.workload === workload && run.digest === digest);
    const costs = new Map(of(names[0]).map(({ round, cpu_us: cost }) => [round, cost]));
    return names.map((name) => {
      const own = of(name);
      const middle = (field) => median(own.map((run) => run[field]));
      const sum = (field) => own.reduce((total, run) => total + run[field], 0);
      return {
        workload: digest === "none" ? workload : `${workload}, ${digest}`,
        name,
        cost: middle("cpu_us"),
        ratio: median(own.map(({ round, cpu_us: cost }) => cost / costs.get(round))),
        rate: middle("rate"),
        highest: middle("highest_rate"),
        p99: middle("p99_us"),
        octets: middle("octets_a_binding"),
        lost: sum("lost"),
        wrong: sum("wrong"),
        firstWrong: own.find((run) => run.first_wrong !== "")?.first_wrong ?? "",
        busy: middle("busy"),
      };
    });
  });
}

export function registrars() {
  const found = load("registrar");
  if (found === undefined) return undefined;
  const { settings, runs } = found;
  const names = settings.servers.split(",");
  const rows = registrarRows(runs, names);
  const bars = rows.map(({ workload, name, cost }) => ({ name: `${workload} ${name}`, value: cost, text: `${fixed(cost, 1)} us`, own: name === "sluice" }));
  const cells = rows.map((row) => [row.workload, row.name, fixed(row.cost, 1), fixed(row.ratio), fixed(row.rate / 1_000, 1), fixed(row.p99 / 1_000, 1), fixed(row.octets, 0), row.lost, row.wrong]);
  const starved = rows.filter(({ busy }) => busy < 0.8).length;
  const parts = [
    `## Registrar

${command(found)}; ${settings.aors} addresses of record with ${settings.flows} flows each, ${settings.rounds} rounds of ${settings.seconds} s.
Sluice's bindings survive kill -9, Kamailio's are in memory only; both have the credentials in memory. An edge in front of each sends what phones send: first registrations, refreshes
with two GRUUs in each 200, and a MESSAGE or an INVITE (100, 486 and ACK) to a user with one device.${starved > 0 ? ` In ${starved} of ${rows.length} cases the server was not busy all the time: rates and latencies say little, and costs include waking up.` : ""}

${chart("registrar", "CPU per request in us, registrars", bars)}

${markdown(["workload", "server", "us CPU each", `x ${names[0]}`, "thousand a second", "p99 ms", "octets a binding", "lost", "wrong"], cells)}`,
  ];
  const forked = load("registrar-forks");
  if (forked !== undefined) parts.push(forks(forked));
  const searched = load("registrar-rate");
  if (searched !== undefined) parts.push(highest(searched));
  return parts.join("\n\n");
}

function forks(found) {
  const { settings, runs } = found;
  const names = settings.servers.split(",");
  const rows = registrarRows(runs, names);
  const bars = rows.map(({ workload, name, cost }) => ({ name: `${workload} ${name}`, value: cost, text: `${fixed(cost, 1)} us`, own: name === "sluice" }));
  const cells = rows.map((row) => [row.workload, row.name, fixed(row.cost, 1), fixed(row.ratio), fixed(row.rate / 1_000, 1), fixed(row.p99 / 1_000, 1), row.lost, row.wrong]);
  return `### To ${settings.devices} devices at once

${command(found)}; each flow is a device of its own, and a request rings all of them.

${chart("registrar-forks", `CPU per request in us, ${settings.devices} devices each`, bars)}

${markdown(["workload", "server", "us CPU each", `x ${names[0]}`, "thousand a second", "p99 ms", "lost", "wrong"], cells)}`;
}

function highest(found) {
  const names = found.settings.servers.split(",");
  const rows = registrarRows(found.runs, names);
  const bars = rows.filter(({ highest: rate }) => Number.isFinite(rate)).map(({ workload, name, highest: rate }) => ({ name: `${workload} ${name}`, value: rate, text: `${fixed(rate / 1_000, 1)} k/s`, own: name === "sluice" }));
  return `### Highest rate with less than 0.1 % lost

${command(found)}.

${chart("registrar-rate", "Highest rate of one worker", bars)}`;
}
