/** Each edge at its best for each client transport: with the core side that costs it least. */
const RIVALS = ["kamailio-stateless", "kamailio-stateful"];

/** From the results of `edge`: for each workload and client transport, the best of each edge, and how much more than Sluice a rival needs. */
export function verdicts(results) {
  const workloads = [...new Set(results.map(({ workload }) => workload))];
  return workloads.flatMap((workload) => {
    const some = results.filter((result) => result.workload === workload);
    const clients = [...new Set(some.map(({ legs }) => legs.split("-")[0]))];
    return clients.map((client) => verdict(workload, client, some.filter(({ legs }) => legs.startsWith(`${client}-`))));
  });
}

function verdict(workload, client, results) {
  const names = [...new Set(results.flatMap(({ summary }) => summary.rows.map(({ name }) => name)))];
  const best = Object.fromEntries(names.map((name) => [name, bestOf(name, results)]).filter(([, one]) => one !== undefined));
  const own = best.sluice;
  const rivals = RIVALS.filter((name) => name in best).map((name) => ({ name, ...best[name], times: own === undefined ? NaN : best[name].cost / own.cost }));
  return { workload, client, best, own, rivals };
}

/** `toBase` is the ratio to the base edge of the comparison on the same pair of transports. */
function bestOf(name, results) {
  const rows = results.flatMap(({ legs, summary }) => summary.rows.filter((row) => row.name === name && Number.isFinite(row.cost)).map((row) => ({ core: legs.split("-")[1], cost: row.cost, toBase: row.ratio, base: summary.base })));
  return rows.sort((one, other) => one.cost - other.cost)[0];
}
