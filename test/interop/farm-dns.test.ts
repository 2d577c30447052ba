/**
 * Three edges behind a name in the DNS: they find one another by its SRV records, phones (SIPp) find them by those of another name, and Kamailio calls
 * the phones at the edge that each of them registered over. One edge is upgraded, one drained and taken from the DNS, one killed.
 *
 * Needs: kamailio, sipp
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { type DnsRecord, DnsServer } from "../support/dns-server.js";
import { Edge } from "../support/edge.js";
import { freePort } from "../support/ports.js";
import { testWith } from "../support/test-with.js";
import { askForUpgrade } from "../support/upgrading.js";
import { Kamailio } from "./support/kamailio.js";
import { Population } from "./support/sipp.js";

const test = testWith("kamailio", "sipp");

const NODES = [1, 2, 3];
const PHONES = 10;
const PER_SECOND = 30;
const TOKEN = "0123456789abcdef0123456789abcdef";
const WELL = { code: 0, errors: "" };
const PHONE_NAME = "_sip._tcp.phones.test";
/** The system's resolver knows nothing of our server, so edges are started with one that asks it. */
const RESOLVER = `const dns = require("node:dns"); const { Resolver } = dns.promises;
dns.promises.Resolver = class extends Resolver { constructor(...options) { super(...options); this.setServers([process.env.TEST_DNS]); } };
const { lookup } = dns;
dns.lookup = (name, options, done) => name.endsWith(".test")
  ? new dns.promises.Resolver().resolve4(name).then(([address]) => (options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)), done)
  : lookup(name, options, done);`;

const hostOf = (node: number): string => `127.0.0.${node + 1}`;
const nameOf = (node: number): string => `edge${node}.farm.test`;

class NamedFarm {
  readonly edges: Edge[] = [];
  readonly server: DnsServer;
  readonly #resolver = new Resolver();
  readonly #ports: { readonly phones: number; readonly core: number; readonly admin: number };

  private constructor(server: DnsServer, ports: { readonly phones: number; readonly core: number; readonly admin: number }) {
    this.server = server;
    this.#ports = ports;
    this.#resolver.setServers([`127.0.0.1:${server.port}`]);
  }

  static async start(registrar: string): Promise<NamedFarm> {
    const ports = { phones: await freePort(hostOf(1)), core: await freePort(hostOf(1)), admin: await freePort(hostOf(1)) };
    const farm = new NamedFarm(await DnsServer.start([]), ports);
    farm.server.ttl = 1;
    farm.name(NODES);
    const preload = join(mkdtempSync(join(tmpdir(), "sluice-dns-")), "resolver.cjs");
    writeFileSync(preload, RESOLVER);
    for (const node of NODES) {
      farm.edges.push(
        await Edge.spawn({
          NODE_OPTIONS: `--require ${preload}`,
          TEST_DNS: `127.0.0.1:${farm.server.port}`,
          SLUICE_NODE: String(node),
          SLUICE_FARM: `sip:farm.test;transport=tcp;admin=${ports.admin}`,
          SLUICE_FLOW_KEYS: `1:${Buffer.alloc(32, 7).toString("base64")}`,
          SLUICE_LISTEN: `tcp:${hostOf(node)}:${ports.phones}`,
          SLUICE_CORE_LISTEN: `tcp:${hostOf(node)}:${ports.core}`,
          SLUICE_UPSTREAM: `sip:${registrar};transport=tcp`,
          SLUICE_ADMIN_LISTEN: `${hostOf(node)}:${ports.admin}`,
          SLUICE_ADMIN_TOKEN: TOKEN,
          SLUICE_DRAIN_SECONDS: "2",
        }),
      );
    }
    onTestFinished(async () => {
      for (const edge of farm.edges) await edge.stop();
      farm.server.close();
    });
    return farm;
  }

  /** Only these are in the DNS from now on. */
  name(nodes: readonly number[]): void {
    const { phones, core } = this.#ports;
    this.server.records = nodes.flatMap((node): readonly DnsRecord[] => [
      { type: "SRV", name: "_sip._tcp.farm.test", priority: 0, weight: node, port: core, target: nameOf(node) },
      { type: "SRV", name: PHONE_NAME, priority: 10, weight: 50, port: phones, target: nameOf(node) },
      { type: "A", name: nameOf(node), address: hostOf(node) },
    ]);
  }

  /** As many phones at each place that the DNS names. */
  async phones(name: string, registrar: Kamailio): Promise<readonly Population[]> {
    const places = (await this.#resolver.resolveSrv(PHONE_NAME)).sort((a, b) => (a.name < b.name ? -1 : 1));
    const populations: Population[] = [];
    for (const place of places) {
      const [address] = await this.#resolver.resolve4(place.name);
      const population = new Population("tcp", PHONES, `${address}:${place.port}`, { name: `${name}-${place.name.split(".")[0]}-` });
      onTestFinished(() => population.stop());
      populations.push(population);
    }
    for (const population of populations) await population.registered(registrar);
    return populations;
  }

  edge(node: number): Edge {
    return this.edges[node - 1] ?? expect.unreachable();
  }

  async where(user: string, asked: number): Promise<{ readonly nodes: readonly number[]; readonly silent: readonly number[] }> {
    const answer = await fetch(`http://${hostOf(asked)}:${this.#ports.admin}/api/where/${user}@example.com`, { headers: { authorization: `Bearer ${TOKEN}` } });
    const { flows, silent } = (await answer.json()) as { readonly flows: readonly { readonly node: number }[]; readonly silent: readonly { readonly node: number }[] };
    return { nodes: flows.map(({ node }) => node), silent: silent.map(({ node }) => node) };
  }
}

test("SA-20 three edges behind SRV records: calls reach every phone while one edge is upgraded, and all that are left when one is drained and one killed", { timeout: 180_000 }, async () => {
  const registrar = await Kamailio.start();
  onTestFinished(() => registrar.stop());
  const farm = await NamedFarm.start(registrar.at);
  const populations = await farm.phones("early", registrar);
  const users = populations.map(({ users: own }) => own[0] ?? "");
  for (const [at, user] of users.entries()) await expect.poll(() => farm.where(user, 1)).toEqual({ nodes: [at + 1], silent: [] });
  for (const population of populations) expect(await population.call(PHONES, PER_SECOND, registrar.at)).toEqual(WELL);

  const meanwhile = populations.map((population) => population.call(3 * PHONES, PER_SECOND / 3, registrar.at));
  expect(await askForUpgrade(farm.edge(2))).toContain("all is handed over");
  expect(await Promise.all(meanwhile)).toEqual([WELL, WELL, WELL]);

  farm.name([1, 2]);
  farm.edge(3).terminate();
  expect(await farm.edge(3).exited()).toBe(0);
  const late = await farm.phones("late", registrar);
  expect(late.length).toBe(2);
  for (const population of late) expect(await population.call(PHONES, PER_SECOND, registrar.at)).toEqual(WELL);

  await farm.edge(1).kill();
  expect(await populations[1]?.call(PHONES, PER_SECOND, registrar.at)).toEqual(WELL);
  // Node hides the TTL of SRV records, so the name is read again after half a minute: then nobody asks for what is no edge any more.
  await expect.poll(() => farm.where(users[0] ?? "", 2), { timeout: 60_000 }).toEqual({ nodes: [], silent: [1] });
});
