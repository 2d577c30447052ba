/** Which edges there are, by the SRV records of a domain. */
import { promises as dns } from "node:dns";
import { expect, onTestFinished, test } from "vitest";
import { farmPlace } from "../../../src/config/farm-node.js";
import { DnsRecords } from "../../../src/resolve/dns-records.js";
import { Farm } from "../../../src/resolve/farm.js";
import { type DnsRecord, DnsServer } from "../../support/dns-server.js";
import { StandingClock } from "../../support/standing-clock.js";

const srv = (weight: number, target: string, priority = 0): DnsRecord => ({ type: "SRV", name: "_sip._tcp.farm.example.com", priority, weight, port: 5060 + weight, target });
const a = (name: string, address: string): DnsRecord => ({ type: "A", name, address });
const HOSTS = [a("edge1.example.com", "192.0.2.1"), a("edge2.example.com", "192.0.2.2"), a("edge3.example.com", "192.0.2.3")];

async function farm(records: readonly DnsRecord[]): Promise<{ farm: Farm; server: DnsServer; clock: StandingClock; faults: string[]; changes: () => number }> {
  const server = await DnsServer.start([...records, ...HOSTS]);
  const resolver = new dns.Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  const clock = new StandingClock();
  const faults: string[] = [];
  let changes = 0;
  const made = new Farm([farmPlace.parse("sip:farm.example.com;transport=tcp;admin=5080")], new DnsRecords(resolver, { clock, retryMs: 50 }), {
    own: 1,
    families: [4],
    hostsFile: "/dev/null",
    onChange: () => void (changes += 1),
    onFailure: () => undefined,
    onFault: (fault) => faults.push(fault),
  });
  onTestFinished(() => {
    made.close();
    server.close();
  });
  await made.refresh();
  return { farm: made, server, clock, faults, changes: () => changes };
}

test("the weight of a record is the number of its edge, and this one is not among the others", async () => {
  const { farm: edges } = await farm([srv(1, "edge1.example.com"), srv(2, "edge2.example.com"), srv(3, "edge3.example.com")]);
  expect(edges.targets).toMatchObject([
    { node: 2, address: "192.0.2.2", port: 5062, transport: "tcp" },
    { node: 3, address: "192.0.2.3", port: 5063, transport: "tcp" },
  ]);
  expect(edges.nodes[0]?.admin).toEqual({ host: "edge2.example.com", port: 5080 });
  expect(edges.unresolved).toEqual([]);
});

test("a record with a priority, without a number, or with the number of another one is left out and named", async () => {
  const { farm: edges, faults } = await farm([srv(2, "edge2.example.com", 10), srv(0, "edge2.example.com"), srv(200, "edge2.example.com"), srv(3, "edge3.example.com"), srv(4, "edge1.example.com"), srv(4, "edge2.example.com")]);
  expect(edges.targets.map(({ node }) => node)).toEqual([3]);
  expect(faults).toHaveLength(5);
  expect(faults.join("\n")).toMatch(/expected priority 0.*\n.*as weight.*\n.*as weight.*\n.*node 4 once.*\n.*node 4 once/);
});

test("an edge that leaves the records is forgotten, one that comes is found, and while the servers fail all stay", async () => {
  const { farm: edges, server, clock, changes } = await farm([srv(2, "edge2.example.com")]);
  server.records = [srv(3, "edge3.example.com"), ...HOSTS];
  clock.time += 100_000;
  await edges.refresh();
  expect(edges.targets.map(({ node }) => node)).toEqual([3]);
  expect(changes()).toBeGreaterThan(1);
  server.isFailing = true;
  clock.time += 100_000;
  await edges.refresh();
  expect(edges.targets.map(({ node }) => node)).toEqual([3]);
});

test("a domain without such records has no edges", async () => {
  const { farm: edges } = await farm([]);
  expect(edges.unresolved).toEqual(["the domain farm.example.com"]);
});
