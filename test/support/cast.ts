/** Brings the parties of a test together around an edge: SUT, U, U2, C and A in the vocabulary of the requirements. */
import { onTestFinished } from "vitest";
import { Edge, PATIENT, type Settings } from "./edge.js";
import { freePort, freePorts, hostPort } from "./ports.js";
import type { Splitter, Transport } from "./wire.js";
import { CoreTcp } from "./core-tcp.js";
import { Party } from "./party.js";
import { TcpConnection } from "./tcp-connection.js";
import { tlsSettings } from "./certificates.js";
import { UdpSocket } from "./udp-socket.js";

export interface Scenery {
  readonly client?: Transport;
  readonly core?: Transport;
  readonly host?: string;
  /** One set of listeners for both sides: the core is recognised by its address. */
  readonly shared?: boolean;
  readonly settings?: Settings;
  readonly split?: Splitter | undefined;
  /** A server that nobody has used before, for tests of what it has done since it started: rate-limited log lines, counters. */
  readonly own?: boolean;
  /** In a process of its own, for tests that send it signals, kill it, or look at its process. */
  readonly process?: boolean;
  /** Another path to the program under test, which runs in a process of its own. */
  readonly program?: string;
  /** So many core-side ports, one for each shard; needs `own`. */
  readonly corePorts?: number;
}

let scenes = 0;

export class Cast {
  readonly company = new Set<Party>();
  scene = "";
  SUT!: Edge;
  U!: Party;
  U2!: Party;
  C!: Party;
  A!: Party;
  /** host:port of the client side and of the core side. */
  client = "";
  core = "";
  readonly host: string;
  #scenery: Scenery;
  #clientPort = 0;
  #corePort = 0;

  private constructor(scenery: Scenery) {
    this.#scenery = scenery;
    this.host = scenery.host ?? "127.0.0.1";
  }

  /** Starts an edge and its upstream C; the others join with `enter`. */
  static async assemble(scenery: Scenery): Promise<Cast> {
    const cast = new Cast(scenery);
    await cast.#start();
    return cast;
  }

  get transport(): Transport {
    return this.#scenery.client ?? "udp";
  }

  /** Prepares it for scenery with the same `serverOf`. */
  dress(scenery: Scenery): void {
    this.#scenery = scenery;
    if (this.C.wire instanceof CoreTcp) this.C.wire.split = scenery.split;
  }

  /** A new scene: new clients, and C forgets what it received before. */
  async enter(): Promise<void> {
    scenes += 1;
    this.SUT.beginScene();
    this.scene = `scene-${scenes}`;
    this.C.scene = this.scene;
    this.C.forget();
    this.U = await this.newClient("U");
    this.U2 = await this.newClient("U2");
    this.A = await this.newCaller("A");
  }

  /** The clients leave; C and the edge stay for the next scene. */
  async exit(): Promise<void> {
    const leaving = [...this.company].filter((party) => party !== this.C);
    for (const party of leaving) party.leave();
    await Promise.all(leaving.map((party) => party.close()));
  }

  async end(): Promise<void> {
    await this.exit();
    await this.SUT.stop();
    await this.C.close();
  }

  async newClient(name: string, transport = this.transport, localPort = 0): Promise<Party> {
    const party = new Party(name, this.client, this.scene, this.company);
    return party.attach(await this.dial(party, this.#clientPort, transport, localPort));
  }

  /** A party on the core side that is not the upstream. */
  async newCaller(name: string, transport: Transport = this.#scenery.core ?? "udp"): Promise<Party> {
    const party = new Party(name, this.core, this.scene, this.company);
    return party.attach(await this.dial(party, this.#corePort, transport, 0));
  }

  /** The same party on a new connection or port. */
  async reconnect(party: Party, localPort = 0): Promise<void> {
    party.attach(await this.dial(party, this.#clientPort, party.transport, localPort));
  }

  dial(party: Party, port: number, transport: Transport, localPort: number): Promise<UdpSocket | TcpConnection> {
    const target = { host: this.host, port };
    if (transport === "udp") return UdpSocket.open(target, party.receive, { localPort });
    return TcpConnection.open(target, party.receive, { localPort, split: this.#scenery.split, transport });
  }

  async #start(): Promise<void> {
    const { host } = this;
    const scenery = this.#scenery;
    const core = scenery.core ?? "udp";
    this.#clientPort = await freePort(host);
    const corePorts = scenery.corePorts ?? 1;
    this.#corePort = scenery.shared ? this.#clientPort : await freePorts(corePorts, host);
    const upstreamPort = await freePort(host);
    this.client = hostPort(host, this.#clientPort);
    this.core = hostPort(host, this.#corePort);
    const upstream = hostPort(host, upstreamPort);
    this.C = new Party("C", this.core, this.scene, this.company);
    const target = { host, port: this.#corePort };
    const wire =
      core === "udp"
        ? await UdpSocket.open(target, this.C.receive, { localPort: upstreamPort })
        : await CoreTcp.open(target, this.C.receive, upstreamPort, scenery.shared ?? false);
    this.C.attach(wire);
    this.dress(scenery);
    const both = (at: string, stream: Transport): string => `udp:${at},${stream === "udp" ? "tcp" : stream}:${at}`;
    const isSecure = this.transport === "tls" || this.transport === "wss";
    const settings = {
      SLUICE_LISTEN: both(this.client, this.transport),
      ...(scenery.shared ? {} : { SLUICE_CORE_LISTEN: both(corePorts > 1 ? `${this.core}-${this.#corePort + corePorts - 1}` : this.core, "tcp") }),
      ...(isSecure ? tlsSettings() : {}),
      SLUICE_UPSTREAM: `sip:${upstream}${core === "tcp" ? ";transport=tcp" : ""}`,
      ...PATIENT,
      ...scenery.settings,
    };
    this.SUT = await (scenery.process ? Edge.spawn(settings, scenery.program) : Edge.start(settings, scenery.program));
  }
}

/** Sceneries for which this is the same can be played with the same server: it listens over UDP and TCP for both. */
export function serverOf({ client = "udp", core = "udp", host = "127.0.0.1", shared = false, process = false, settings = {} }: Scenery): string {
  return JSON.stringify([client === "udp" ? "tcp" : client, core, host, shared, process, Object.entries(settings).sort()]);
}

/** Casts between two tests, the one that has waited longest first: starting servers is what tests spend most time on. They serve all files of a vitest worker. */
const idle: { readonly key: string; readonly company: Cast }[] = [];
const MAX_IDLE = 6;

function takeIdle(key: string): Cast | undefined {
  const at = idle.findLastIndex((one) => one.key === key);
  return at < 0 ? undefined : idle.splice(at, 1)[0]?.company;
}

async function putIdle(key: string, company: Cast): Promise<void> {
  idle.push({ key, company });
  if (idle.length > MAX_IDLE) await idle.shift()?.company.end();
}

/**
 * A whole cast for one test. At the end the edge must still be alive and answer; then the next test with the same scenery gets it. A cast
 * that received a signal, or whose test failed, is ended. A concurrent test passes its own `onTestFinished`.
 */
export async function cast(scenery: Scenery = {}, atEnd: typeof onTestFinished = onTestFinished): Promise<Cast> {
  // No other test chooses the same port for its admin plane.
  const isShared = scenery.split === undefined && scenery.own !== true && scenery.settings?.["SLUICE_ADMIN_LISTEN"] === undefined;
  const key = serverOf(scenery);
  const company = (isShared ? takeIdle(key) : undefined) ?? (await Cast.assemble(scenery));
  company.dress(scenery);
  atEnd(async ({ task }) => {
    let canServe = isShared && task.result?.state !== "fail" && !company.SUT.isTouched && company.C.wire.isOpen;
    try {
      await company.SUT.expectHealthy();
    } catch (error) {
      canServe = false;
      throw error;
    } finally {
      if (canServe) {
        await company.exit();
        await putIdle(key, company);
      } else await company.end();
    }
  });
  await company.enter();
  return company;
}
