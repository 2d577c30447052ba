/** Names of next hops: resolved once during the life of an answer, bounded in number, all addresses in order (RFC 3263 4). */
import { promises as dns } from "node:dns";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DnsRecords } from "../../../src/resolve/dns-records.js";
import { HOSTS_FILE_MS, fromHostsFile } from "../../../src/resolve/hosts-file.js";
import { ResolvedNames } from "../../../src/resolve/resolved-names.js";
import { type ResolvedTarget, inTryingOrder } from "../../../src/resolve/resolved-target.js";
import type { UpstreamUri } from "../../../src/resolve/upstream-uri.js";
import { type DnsRecord, DnsServer } from "../../support/dns-server.js";
import { StandingClock } from "../../support/standing-clock.js";

const a = (name: string, address: string): DnsRecord => ({ type: "A", name, address });
const uri = (host: string): UpstreamUri => ({ scheme: "sip", host, port: 5060, transport: "udp", priority: 0, weight: 1 });

async function names(records: readonly DnsRecord[], most?: number): Promise<{ server: DnsServer; clock: StandingClock; names: ResolvedNames }> {
  const server = await DnsServer.start(records);
  onTestFinished(() => server.close());
  const resolver = new dns.Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  const clock = new StandingClock();
  return { server, clock, names: new ResolvedNames(new DnsRecords(resolver, { clock, retryMs: 50 }), { families: [4], hostsFile: "/dev/null" }, most) };
}

test("DNS-7 a name is resolved once during its TTL, and again after that", async () => {
  const { server, clock, names: resolved } = await names([a("proxy.example.net", "192.0.2.1")]);
  for (let call = 0; call < 10; call += 1) expect(await resolved.targets(uri("Proxy.example.net"))).toHaveLength(1);
  expect(server.asked).toHaveLength(1);
  clock.time = 90_000_000;
  await resolved.targets(uri("proxy.example.net"));
  expect(server.asked).toHaveLength(2);
});

test("DNS-5 every address of a name is tried", async () => {
  const { names: resolved } = await names([a("proxy.example.net", "192.0.2.1"), a("proxy.example.net", "192.0.2.2")]);
  const targets = await resolved.targets(uri("proxy.example.net"));
  expect(targets.map(({ address }) => address).sort()).toEqual(["192.0.2.1", "192.0.2.2"]);
});

test("the number of names is bounded: the least recently used goes", async () => {
  const { server, names: resolved } = await names([a("one.example.net", "192.0.2.1"), a("two.example.net", "192.0.2.2"), a("three.example.net", "192.0.2.3")], 2);
  for (const host of ["one", "two", "one", "three"]) await resolved.targets(uri(`${host}.example.net`));
  expect(resolved.size).toBe(2);
  expect(server.asked.filter((question) => question.includes("one."))).toHaveLength(1);
});

test("the number of DNS records is bounded separately", async () => {
  const server = await DnsServer.start([]);
  onTestFinished(() => server.close());
  const resolver = new dns.Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  const records = new DnsRecords(resolver, { most: 3 });
  for (let name = 0; name < 10; name += 1) await records.get("A", `n${name}.example.net`, records.clock.now() + 2_000);
  expect(records.size).toBe(3);
});

test("the hosts file is read again only once the last reading has aged", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "sluice-hosts-")), "hosts");
  writeFileSync(path, "192.0.2.1 here.example.net alias # comment\n2001:db8::1 here.example.net\n");
  expect(await fromHostsFile("Here.example.net.", path, 0)).toEqual(["192.0.2.1", "2001:db8::1"]);
  writeFileSync(path, "192.0.2.9 here.example.net\n");
  expect(await fromHostsFile("here.example.net", path, HOSTS_FILE_MS - 1)).toEqual(["192.0.2.1", "2001:db8::1"]);
  expect(await fromHostsFile("here.example.net", path, HOSTS_FILE_MS)).toEqual(["192.0.2.9"]);
  expect(await fromHostsFile("localhost", "/dev/null", 0)).toEqual(["127.0.0.1", "::1"]);
});

test("DNS-5 targets are tried by priority, then randomly by weight (RFC 2782)", () => {
  const target = (address: string, priority: number, weight: number): ResolvedTarget => ({ transport: "udp", address, port: 5060, priority, weight, name: "x" });
  const all = [target("c", 1, 1), target("a", 0, 3), target("b", 0, 1)];
  let first = 0;
  for (let round = 0; round < 4_000; round += 1) {
    const order = inTryingOrder(all).map(({ address }) => address);
    expect(order[2]).toBe("c");
    if (order[0] === "a") first += 1;
  }
  expect(first / 4_000).toBeGreaterThan(0.7);
  expect(first / 4_000).toBeLessThan(0.8);
});
