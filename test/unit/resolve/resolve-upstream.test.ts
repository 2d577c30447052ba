/** From a SIP URI to targets, resolved by a DNS server over a real socket (RFC 3263 4). */
import { promises as dns } from "node:dns";
import { expect, onTestFinished, test } from "vitest";
import { DnsRecords } from "../../../src/resolve/dns-records.js";
import { resolveUpstream } from "../../../src/resolve/resolve-upstream.js";
import { type ResolvedTarget } from "../../../src/resolve/resolved-target.js";
import { Upstreams } from "../../../src/resolve/upstreams.js";
import type { UpstreamUri } from "../../../src/resolve/upstream-uri.js";
import { type DnsRecord, DnsServer } from "../../support/dns-server.js";

const FAMILIES = [6, 4] as const;
const options = { families: FAMILIES, hostsFile: "/dev/null" };

const a = (name: string, address: string): DnsRecord => ({ type: "A", name, address });
const aaaa = (name: string, address: string): DnsRecord => ({ type: "AAAA", name, address });
const srv = (name: string, target: string, priority = 0, weight = 1, port = 5070): DnsRecord => ({ type: "SRV", name, target, priority, weight, port });
const naptr = (name: string, service: string, replacement: string, order: number): DnsRecord => ({ type: "NAPTR", name, service, replacement, order });
const uri = (host: string, rest: Partial<UpstreamUri> = {}): UpstreamUri => ({ scheme: "sip", host, priority: 0, weight: 1, ...rest });

async function serverWith(...records: readonly DnsRecord[]): Promise<{ server: DnsServer; records: DnsRecords }> {
  const server = await DnsServer.start(records);
  onTestFinished(() => server.close());
  const resolver = new dns.Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  return { server, records: new DnsRecords(resolver, { serviceMs: 100, absentMs: 100, retryMs: 50 }) };
}

const shown = (targets: readonly ResolvedTarget[]): string[] =>
  targets.map(({ transport, address, port, priority, weight }) => `${transport} ${address} ${port} ${priority}/${weight}`);

test("DNS-1 DNS-2 a literal address needs no query: port 5060 and UDP unless the URI says otherwise", async () => {
  const { server, records } = await serverWith();
  expect(shown(await resolveUpstream(uri("192.0.2.1"), records, options))).toEqual(["udp 192.0.2.1 5060 0/1"]);
  expect(shown(await resolveUpstream(uri("2001:db8::1", { port: 5070, transport: "tcp" }), records, options))).toEqual(["tcp 2001:db8::1 5070 0/1"]);
  expect(server.asked).toEqual([]);
});

test("DNS-2 a name with a port queries only addresses", async () => {
  const { server, records } = await serverWith(a("proxy.example.net", "192.0.2.1"), srv("_sip._udp.proxy.example.net", "other.example.net"));
  expect(shown(await resolveUpstream(uri("proxy.example.net", { port: 5080 }), records, options))).toEqual(["udp 192.0.2.1 5080 0/1"]);
  expect(server.asked.filter((question) => /SRV|NAPTR/.test(question))).toEqual([]);
});

test("DNS-3 NAPTR chooses the transport, in the domain's order, among those we support", async () => {
  const { records } = await serverWith(
    naptr("example.net", "SIPS+D2T", "_sips._tcp.example.net", 1),
    naptr("example.net", "SIP+D2T", "_sip._tcp.example.net", 2),
    naptr("example.net", "SIP+D2U", "_sip._udp.example.net", 3),
    srv("_sip._tcp.example.net", "a.example.net"),
    srv("_sip._udp.example.net", "b.example.net"),
    a("a.example.net", "192.0.2.1"),
    a("b.example.net", "192.0.2.2"),
  );
  expect(shown(await resolveUpstream(uri("example.net"), records, options))).toEqual(["tcp 192.0.2.1 5070 0/1"]);
});

test("DNS-12 a domain that offers only WebSocket cannot be reached", async () => {
  const { records } = await serverWith(
    naptr("example.net", "SIP+D2W", "_sip._ws.example.net", 1),
    naptr("example.net", "SIPS+D2W", "_sips._ws.example.net", 2),
    srv("_sip._ws.example.net", "a.example.net"),
    a("a.example.net", "192.0.2.1"),
  );
  expect(shown(await resolveUpstream(uri("example.net"), records, options))).toEqual([]);
});

test("DNS-5 SRV priorities become priorities and weights stay", async () => {
  const { records } = await serverWith(
    srv("_sip._udp.example.net", "a.example.net", 10, 60),
    srv("_sip._udp.example.net", "b.example.net", 10, 40),
    srv("_sip._udp.example.net", "c.example.net", 20, 5),
    a("a.example.net", "192.0.2.1"),
    a("b.example.net", "192.0.2.2"),
    a("c.example.net", "192.0.2.3"),
  );
  expect(shown(await resolveUpstream(uri("example.net"), records, options))).toEqual([
    "udp 192.0.2.1 5070 0/60",
    "udp 192.0.2.2 5070 0/40",
    "udp 192.0.2.3 5070 1/5",
  ]);
});

test("DNS-4 without NAPTR and SRV the domain is the host, at the default port, both families in order", async () => {
  const { records } = await serverWith(a("example.net", "192.0.2.1"), aaaa("example.net", "2001:db8::1"));
  expect(shown(await resolveUpstream(uri("example.net"), records, options))).toEqual(["udp 2001:db8::1 5060 0/1", "udp 192.0.2.1 5060 1/1"]);
});

test("DNS-9 unspecified, broadcast and multicast addresses are ignored", async () => {
  const { records } = await serverWith(a("example.net", "0.0.0.0"), a("example.net", "255.255.255.255"), a("example.net", "224.0.0.1"), a("example.net", "192.0.2.9"));
  expect(shown(await resolveUpstream(uri("example.net", { port: 5060 }), records, options))).toEqual(["udp 192.0.2.9 5060 0/1"]);
});

test("DNS-7 a name that does not exist has no targets, and a server that fails is an error", async () => {
  const { server, records } = await serverWith();
  expect(await resolveUpstream(uri("absent.example.net", { port: 5060 }), records, options)).toEqual([]);
  server.isFailing = true;
  await expect(resolveUpstream(uri("other.example.net", { port: 5060 }), records, options)).rejects.toThrow("the DNS failed");
});

test("DNS-7 DNS-10 upstreams follow the DNS, and keep what they know while it fails", async () => {
  const { server, records } = await serverWith(srv("_sip._udp.example.net", "a.example.net"), a("a.example.net", "192.0.2.1"));
  server.ttl = 0;
  const changes: string[][] = [];
  const upstreams = new Upstreams([uri("example.net")], records, {
    ...options,
    onChange: (targets) => changes.push(shown(targets)),
    onFailure: () => undefined,
  });
  onTestFinished(() => upstreams.close());
  await upstreams.refresh();
  expect(changes).toEqual([["udp 192.0.2.1 5070 0/1"]]);
  server.isFailing = true;
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await upstreams.refresh();
  expect(shown(upstreams.targets)).toEqual(["udp 192.0.2.1 5070 0/1"]);
  server.isFailing = false;
  server.records = [srv("_sip._udp.example.net", "b.example.net"), a("b.example.net", "192.0.2.2")];
  await expect.poll(() => shown(upstreams.targets), { timeout: 8_000 }).toEqual(["udp 192.0.2.2 5070 0/1"]);
});

test("the operator's priorities outrank those of the DNS, and weights are divided", async () => {
  const { records } = await serverWith(srv("_sip._udp.example.net", "a.example.net", 5, 1), srv("_sip._udp.example.net", "b.example.net", 5, 1), a("a.example.net", "192.0.2.1"), a("b.example.net", "192.0.2.2"));
  const upstreams = new Upstreams([uri("192.0.2.9", { priority: 2 }), uri("example.net", { priority: 1, weight: 10 })], records, {
    ...options,
    onChange: () => undefined,
    onFailure: () => undefined,
  });
  onTestFinished(() => upstreams.close());
  await upstreams.refresh();
  expect(shown(upstreams.targets)).toEqual(["udp 192.0.2.1 5070 0/5", "udp 192.0.2.2 5070 0/5", "udp 192.0.2.9 5060 1/1"]);
});
