/** Several edges behind one name: the same ports on different addresses, the same keys, and a list of one another. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { testCertificates } from "./certificates.js";
import { Edge, type Settings } from "./edge.js";
import { Party } from "./party.js";
import { freePort, hostPort } from "./ports.js";
import { TcpConnection } from "./tcp-connection.js";
import { UdpSocket } from "./udp-socket.js";
import type { Transport } from "./wire.js";

const NAME = "farm.example";
/** Of every admin plane. */
export const TOKEN = "0123456789abcdef0123456789abcdef";
const KEY = Buffer.alloc(32, 7).toString("base64");
let scenes = 0;

export class FarmOfEdges {
  readonly company = new Set<Party>();
  readonly scene: string;
  readonly clientPort: number;
  readonly corePort: number;
  readonly edges: Edge[] = [];
  /** The upstream of all of them. It sends to the first. */
  C!: Party;

  #adminPort = 0;

  private constructor(clientPort: number, corePort: number) {
    scenes += 1;
    this.scene = `farm-${scenes}`;
    this.clientPort = clientPort;
    this.corePort = corePort;
  }

  /** `between`: the transport from edge to edge. `program`: in processes of their own, so that one can be killed. The edges are numbered from 1; the first listens on 127.0.0.2. `listed`: how many each of them knows. */
  static async start(count: number, between: Transport, settings: Settings = {}, listed = count, program?: string): Promise<FarmOfEdges> {
    return FarmOfEdges.#start(count, (node, port) => `sip:${hostPort(hostOf(node), port)};transport=${between}`, () => settings, listed, program);
  }

  /** The same with admin planes that know one another, and the keys in a file of each state folder, as `sluice keys rotate --farm` needs them. */
  static async administered(count: number, program?: string, listed = count): Promise<FarmOfEdges> {
    const admin = await freePort("127.0.0.2");
    const settings = (node: number): Settings => {
      const state = mkdtempSync(join(tmpdir(), "sluice-farm-"));
      writeFileSync(join(state, "flow.keys"), `1:${KEY}\n`, { mode: 0o600 });
      return { SLUICE_FLOW_KEYS: "", SLUICE_STATE_DIR: state, SLUICE_ADMIN_LISTEN: hostPort(hostOf(node), admin), SLUICE_ADMIN_TOKEN: TOKEN };
    };
    const farm = await FarmOfEdges.#start(count, (node, port) => `sip:${hostPort(hostOf(node), port)};transport=udp;admin=${hostPort(hostOf(node), admin)}`, settings, listed, program);
    farm.#adminPort = admin;
    return farm;
  }

  /** The same over TLS between the edges. `proves`: the address that the certificate of an edge names. */
  static async secure(proves: (node: number) => number = (node) => node): Promise<FarmOfEdges> {
    const { authority } = testCertificates();
    const port = await freePort("127.0.0.2");
    const settings = (node: number, core: string): Settings => {
      const { certificate, key } = authority.issue([`IP:${hostOf(proves(node))}`]);
      return { SLUICE_CORE_LISTEN: `${core},tls:${hostPort(hostOf(node), port)};advertise=${NAME}:${port}`, SLUICE_TLS_CERT: certificate, SLUICE_TLS_KEY: key, SLUICE_TLS_CA: authority.file };
    };
    return FarmOfEdges.#start(2, (node) => `sips:${hostPort(hostOf(node), port)}`, settings, 2);
  }

  /** A request to the admin plane of an edge; by default with the token that all share. */
  async ask(node: number, method: string, path: string, body?: object): Promise<{ readonly status: number; readonly json: Record<string, unknown> }> {
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const answer = await fetch(`${this.adminUrl(node)}api/${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  }

  adminUrl(node: number): string {
    return `http://${hostPort(hostOf(node), this.#adminPort)}/`;
  }

  async metric(node: number, name: string): Promise<string | undefined> {
    const answer = await fetch(`${this.adminUrl(node)}metrics`, { headers: { authorization: `Bearer ${TOKEN}` } });
    return (await answer.text()).split("\n").find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  }

  static async #start(count: number, address: (node: number, port: number) => string, settings: (node: number, core: string) => Settings, listed: number, program?: string): Promise<FarmOfEdges> {
    const farm = new FarmOfEdges(await freePort("127.0.0.2"), await freePort("127.0.0.2"));
    farm.C = new Party("C", hostPort(hostOf(1), farm.corePort), farm.scene, farm.company);
    farm.C.attach(await UdpSocket.open({ host: hostOf(1), port: farm.corePort }, farm.C.receive));
    onTestFinished(() => farm.#end());
    const nodes = Array.from({ length: listed }, (_, at) => `${at + 1}=${address(at + 1, farm.corePort)}`);
    const both = (host: string, port: number): string => `udp:${host}:${port};advertise=${NAME}:${port},tcp:${host}:${port};advertise=${NAME}:${port}`;
    for (let node = 1; node <= count; node += 1) {
      farm.edges.push(
        await Edge.start({
          SLUICE_NODE: String(node),
          SLUICE_FARM: nodes.join(","),
          SLUICE_FLOW_KEYS: `1:${KEY}`,
          SLUICE_LISTEN: both(hostOf(node), farm.clientPort),
          SLUICE_CORE_LISTEN: both(hostOf(node), farm.corePort),
          SLUICE_UPSTREAM: `sip:${farm.C.at}`,
          ...settings(node, both(hostOf(node), farm.corePort)),
        }, program),
      );
    }
    return farm;
  }

  /** A client of an edge. */
  client(name: string, node: number, transport: Transport): Promise<Party> {
    return this.#join(name, node, this.clientPort, transport);
  }

  /** Someone on the core side of an edge. */
  caller(name: string, node: number): Promise<Party> {
    return this.#join(name, node, this.corePort, "udp");
  }

  /** What sends to edge `to` from the address of a node that the edges know and that nobody has started. */
  async node(name: string, node: number, to: number): Promise<Party> {
    const target = { host: hostOf(to), port: this.corePort };
    const party = new Party(name, hostPort(target.host, target.port), this.scene, this.company);
    return party.attach(await UdpSocket.open(target, party.receive, { localHost: hostOf(node), localPort: this.corePort }));
  }

  /** Registers it with outbound; the Path that the registrar got, as Route lines. */
  async register(client: Party): Promise<string> {
    await client.say(`REGISTER sip:example.com SIP/2.0\nSupported: path, outbound\nContact: <sip:${client.name}@${client.at}>;reg-id=1;+sip.instance="<urn:uuid:${client.name}>"`);
    const request = await this.C.request("REGISTER");
    await this.C.reply("200 OK", `Contact: <sip:${client.name}@${client.at}>;reg-id=1;+sip.instance="<urn:uuid:${client.name}>";expires=600`);
    await client.response(200);
    return request.all("Path").map((value) => `Route: ${value}`).join("\n");
  }

  async #join(name: string, node: number, port: number, transport: Transport): Promise<Party> {
    const target = { host: hostOf(node), port };
    const party = new Party(name, hostPort(target.host, port), this.scene, this.company);
    return party.attach(transport === "udp" ? await UdpSocket.open(target, party.receive) : await TcpConnection.open(target, party.receive, { transport }));
  }

  async #end(): Promise<void> {
    for (const party of this.company) party.leave();
    await Promise.all([...this.company].map((party) => party.close()));
    await Promise.all(this.edges.map((edge) => edge.stop()));
  }
}

function hostOf(node: number): string {
  return `127.0.0.${node + 1}`;
}
