/**
 * Three edges behind one HAProxy, for phones and for the core alike: SIPp clients register with Kamailio through whichever edge they are given, and
 * Kamailio's calls reach whichever edge HAProxy gives it, which passes those for phones of another edge on. One edge is upgraded, one drained, one killed.
 *
 * Needs: kamailio, haproxy, sipp
 */
import { expect, onTestFinished } from "vitest";
import { Edge } from "../support/edge.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { testWith } from "../support/test-with.js";
import { UdpSocket } from "../support/udp-socket.js";
import { askForUpgrade } from "../support/upgrading.js";
import { Haproxy } from "./support/haproxy.js";
import { Kamailio } from "./support/kamailio.js";
import { Population } from "./support/sipp.js";

const test = testWith("kamailio", "haproxy", "sipp");

const NODES = [1, 2, 3];
const PHONES = 30;
const PER_SECOND = 30;
const TOKEN = "0123456789abcdef0123456789abcdef";
const WELL = { code: 0, errors: "" };

const hostOf = (node: number): string => `127.0.0.${node + 1}`;

class BalancedFarm {
  readonly edges: Edge[] = [];
  client = "";
  #adminPort = 0;

  static async start(registrar: string): Promise<BalancedFarm> {
    const farm = new BalancedFarm();
    const [clients, cores, phonePort, corePort, admin] = [await freePort(hostOf(1)), await freePort(hostOf(1)), await freePort("127.0.0.1"), await freePort("127.0.0.1"), await freePort(hostOf(1))];
    farm.#adminPort = admin;
    farm.client = `127.0.0.1:${phonePort}`;
    const list = NODES.map((node) => `${node}=sip:${hostOf(node)}:${cores};transport=tcp;admin=${hostOf(node)}:${admin}`).join(",");
    for (const node of NODES) {
      farm.edges.push(
        await Edge.spawn({
          SLUICE_NODE: String(node),
          SLUICE_FARM: list,
          SLUICE_FLOW_KEYS: `1:${Buffer.alloc(32, 7).toString("base64")}`,
          SLUICE_LISTEN: `udp:${hostOf(node)}:${clients},tcp:${hostOf(node)}:${clients};proxy=require;advertise=${farm.client}`,
          SLUICE_PROXY_TRUSTED: "127.0.0.1",
          // What the core finds in a Path is the balancer, so each call may reach any edge.
          SLUICE_CORE_LISTEN: `tcp:${hostOf(node)}:${cores};advertise=127.0.0.1:${corePort}`,
          SLUICE_UPSTREAM: `sip:${registrar};transport=tcp`,
          SLUICE_ADMIN_LISTEN: `${hostOf(node)}:${admin}`,
          SLUICE_ADMIN_TOKEN: TOKEN,
          SLUICE_DRAIN_SECONDS: "2",
        }),
      );
    }
    const edges = (port: number): string[] => NODES.map((node) => `${hostOf(node)}:${port}`);
    const balancer = await Haproxy.spread({ port: phonePort, edges: edges(clients) }, { port: corePort, edges: edges(cores) });
    onTestFinished(async () => {
      await balancer.stop();
      for (const edge of farm.edges) await edge.stop();
    });
    return farm;
  }

  edge(node: number): Edge {
    return this.edges[node - 1] ?? expect.unreachable();
  }

  /** The edge that each of them is connected to, as that one of the edges says. */
  async nodesOf(users: readonly string[], asked: number): Promise<readonly number[]> {
    return Promise.all(
      users.map(async (user) => {
        const answer = await fetch(`http://${hostOf(asked)}:${this.#adminPort}/api/where/${user}@example.com`, { headers: { authorization: `Bearer ${TOKEN}` } });
        const { flows } = (await answer.json()) as { flows: readonly { readonly node: number }[] };
        return flows[0]?.node ?? 0;
      }),
    );
  }
}

test("SA-20 three edges behind a balancer: calls reach every phone while one edge is upgraded, and all that are left when one is drained and one killed", { timeout: 120_000 }, async () => {
  const registrar = await Kamailio.start();
  onTestFinished(() => registrar.stop());
  const farm = await BalancedFarm.start(registrar.at);
  const phones = new Population("tcp", PHONES, farm.client);
  onTestFinished(() => phones.stop());
  await phones.registered(registrar);
  const nodes = await farm.nodesOf(phones.users, 1);
  const usersOf = (...of: readonly number[]): string[] => phones.users.filter((_, at) => of.includes(nodes[at] ?? 0));
  expect(NODES.map((node) => usersOf(node).length)).toEqual([10, 10, 10]);
  expect(await phones.call(PHONES, PER_SECOND, registrar.at)).toEqual(WELL);

  const meanwhile = phones.call(4 * PHONES, PER_SECOND, registrar.at);
  expect(await askForUpgrade(farm.edge(2))).toContain("all is handed over");
  expect(await meanwhile).toEqual(WELL);

  farm.edge(3).terminate();
  expect(await farm.edge(3).exited()).toBe(0);
  // Who comes now gets one of the others.
  const late = new Population("tcp", 10, farm.client, { name: "late" });
  onTestFinished(() => late.stop());
  await late.registered(registrar);
  expect([...(await farm.nodesOf(late.users, 2))].sort()).toEqual([1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
  expect(await late.call(20, PER_SECOND, registrar.at)).toEqual(WELL);
  expect(await phones.call(PHONES, PER_SECOND, registrar.at, "caller", usersOf(1, 2))).toEqual(WELL);

  await farm.edge(1).kill();
  expect(await phones.call(PHONES, PER_SECOND, registrar.at, "caller", usersOf(2))).toEqual(WELL);
  // The phones of the others are gone, and whoever calls them hears it.
  const caller = new Party("caller", registrar.at, "interop", new Set());
  const socket = await UdpSocket.open({ host: "127.0.0.1", port: registrar.port }, caller.receive);
  onTestFinished(() => socket.close());
  caller.attach(socket);
  for (const user of [usersOf(1)[0], usersOf(3)[0]]) {
    await caller.say(`MESSAGE sip:${user}@example.com SIP/2.0\nTo: <sip:${user}@example.com>`);
    await caller.response(430);
  }
});
