/** A registrar or standalone server under test, and the phones that register with it. */
import { onTestFinished } from "vitest";
import { Edge, MAIN, PATIENT, type Settings } from "./edge.js";
import { CoreTcp } from "./core-tcp.js";
import { type Company, Party } from "./party.js";
import { freePort, hostPort } from "./ports.js";
import type { SipMessage } from "./sip-message.js";
import { newBranch } from "./sip-text.js";
import { TcpConnection } from "./tcp-connection.js";
import { UdpSocket } from "./udp-socket.js";
import type { Transport } from "./wire.js";

export const DOMAIN = "example.com";

let scenes = 0;
let registrations = 0;

export interface Registration {
  readonly user?: string;
  /** A URN without angle brackets; undefined: no outbound. */
  readonly instance?: string;
  readonly regId?: number;
  readonly q?: number;
  /** Path values, as an edge adds them. */
  readonly path?: string;
  readonly expires?: number;
  /** URI of the Contact; default: the phone's own socket. */
  readonly contact?: string;
}

/** Those that no test uses now, the one that has waited longest first. */
const idle: { readonly key: string; readonly home: Home }[] = [];
const MAX_IDLE = 4;

/** The address of phones. */
const PHONES = "127.0.0.1";

export class Home {
  readonly host: string;
  readonly company: Company = new Set<Party>();
  readonly scene: string;
  server!: Edge;
  port = 0;

  private constructor(host: string) {
    this.host = host;
    scenes += 1;
    this.scene = `scene-${process.pid}${scenes}`;
  }

  /** Starts one; it ends with the test, and must still be alive and answer then. */
  static async start(settings: Settings = {}, host = PHONES): Promise<Home> {
    const home = await Home.open(settings, host);
    onTestFinished(() => home.close());
    return home;
  }

  /** The same in a process of its own, for tests that send it signals, kill it, or look at its process. */
  static async spawn(settings: Settings = {}, host = PHONES): Promise<Home> {
    const home = await Home.open(settings, host, MAIN);
    onTestFinished(() => home.close());
    return home;
  }

  /**
   * One that other tests with the same settings may have used before; at the end everyone who registered here through a party is removed.
   * Not for tests of what a server has done since it started, or of what keeps more than bindings.
   */
  static async shared(settings: Settings = {}, host = PHONES): Promise<Home> {
    const key = JSON.stringify([settings, host]);
    const at = idle.findLastIndex((one) => one.key === key);
    const before = at < 0 ? undefined : idle.splice(at, 1)[0]?.home;
    const home = before === undefined ? await Home.open(settings, host) : before.#again();
    home.server.beginScene();
    onTestFinished(async ({ task }) => {
      let isClear = false;
      try {
        isClear = task.result?.state !== "fail" && !home.server.isTouched && (await home.#clear());
      } finally {
        if (isClear) idle.push({ key, home });
        else await home.close();
      }
      if (idle.length > MAX_IDLE) await idle.shift()?.home.close();
    });
    return home;
  }

  /** Starts one that serves several tests, until `close`; with `program` in a process of its own. */
  static async open(settings: Settings = {}, host = PHONES, program?: string): Promise<Home> {
    const home = new Home(host);
    home.port = await freePort(home.host);
    // Nobody has registered under this name, so the request waits for the store, as a call does, and for earlier writes.
    home.company.barrier = `sip:nobody@${(settings["SLUICE_DOMAINS"] ?? DOMAIN).split(/[,=]/)[0]}`;
    home.server = await Edge.start({ SLUICE_MODE: "standalone", SLUICE_DOMAINS: DOMAIN, SLUICE_LISTEN: `udp:${home.at},tcp:${home.at}`, ...PATIENT, ...settings }, program);
    return home;
  }

  #again(): Home {
    const home = new Home(this.host);
    home.port = this.port;
    home.server = this.server;
    if (this.company.barrier !== undefined) home.company.barrier = this.company.barrier;
    return home;
  }

  /** Everyone leaves and nobody is registered any more; false: somebody still is. Throws if the server is not healthy. */
  async #clear(): Promise<boolean> {
    await this.server.expectHealthy();
    const users = new Set([...this.company].flatMap(({ registered }) => [...registered]));
    await Promise.all([...this.company].map((party) => party.close()));
    this.company.clear();
    const cleaner = await this.phone("cleaner", "tcp");
    const answers: SipMessage[] = [];
    for (const user of users) {
      registrations += 1;
      await cleaner.say(`REGISTER ${user.replace(/[^:]*@/, "")} SIP/2.0\nFrom: <${user}>;tag=cleaner\nTo: <${user}>\nCall-ID: cleaning-${registrations}@${this.scene}\nContact: *\nExpires: 0`);
      answers.push(await cleaner.next());
    }
    await cleaner.close();
    return answers.every((answer) => answer.status === 200 && answer.all("Contact").length === 0);
  }

  /** Stops it and all its phones; throws if it is not healthy at the end. */
  async close(): Promise<void> {
    try {
      await this.server.expectHealthy();
    } finally {
      await Promise.all([...this.company].map((party) => party.close()));
      await this.server.stop();
    }
  }

  /** host:port of the server. */
  get at(): string {
    return hostPort(this.host, this.port);
  }

  /** A party with its own socket that has not registered yet. */
  async phone(name: string, transport: Transport = "udp", localPort = 0, localHost = PHONES): Promise<Party> {
    const party = new Party(name, this.at, this.scene, this.company);
    return this.connect(party, transport, localPort, localHost);
  }

  /** The same party on a new connection or port. */
  async connect(party: Party, transport: Transport, localPort = 0, localHost = PHONES): Promise<Party> {
    const target = { host: this.host, port: this.port };
    const open = transport === "udp" ? UdpSocket : TcpConnection;
    return party.attach(await open.open(target, party.receive, { localPort, localHost }));
  }

  /** An edge at its own address, which SLUICE_EDGES must name: 127.0.0.2 and so on. */
  async edge(name: string, host: string, transport: Transport = "udp", localPort = 0): Promise<Party> {
    const party = new Party(name, this.at, this.scene, this.company);
    const target = { host: this.host, port: this.port };
    const port = localPort > 0 ? localPort : await freePort(host);
    const open =
      transport === "udp"
        ? UdpSocket.open(target, party.receive, { localPort: port, localHost: host })
        : CoreTcp.open(target, party.receive, port, false, host);
    return party.attach(await open);
  }

  /** Registers a phone behind this edge, with the edge's Path. */
  async registerBehind(edge: Party, user: string, registration: Registration = {}): Promise<SipMessage> {
    await edge.say(this.registerBehindOf(edge, user, registration));
    return edge.response(200);
  }

  registerBehindOf(edge: Party, user: string, registration: Registration = {}): string {
    const transport = edge.transport === "tcp" ? ";transport=tcp" : "";
    const path = registration.path ?? `<sip:token-${user}-${registration.regId ?? 1}@${edge.at}${transport};lr;ob>`;
    const contact = `sip:${user}@192.0.2.7:5062`;
    const [first = "", ...rest] = this.registerOf(edge, { ...registration, user, path, contact }).split("\n");
    const via = `Via: SIP/2.0/${edge.transport.toUpperCase()} ${edge.at};branch=${newBranch()}`;
    return [first, via, `Via: SIP/2.0/UDP 192.0.2.7:5062;branch=${newBranch()};received=198.51.100.7;rport=4711`, ...rest].join("\n");
  }

  /** Sends a REGISTER and returns the 200. */
  async register(party: Party, registration: Registration = {}): Promise<SipMessage> {
    await party.say(this.registerOf(party, registration));
    return party.response(200);
  }

  /** The Contacts of a user, queried from the registrar. */
  async contactsOf(asker: Party, user: string): Promise<readonly string[]> {
    registrations += 1;
    await asker.say(`REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:${user}@${DOMAIN}>;tag=q\nTo: <sip:${user}@${DOMAIN}>\nCall-ID: query-${registrations}@${this.scene}`);
    return (await asker.response(200)).all("Contact");
  }

  registerOf(party: Party, { user = party.name, instance, regId = 1, q, path, expires, contact = `sip:${party.name}@${party.at}` }: Registration = {}): string {
    registrations += 1;
    const outbound = instance === undefined ? "" : `;reg-id=${regId};+sip.instance="<${instance}>"`;
    return [
      `REGISTER sip:${DOMAIN} SIP/2.0`,
      `From: <sip:${user}@${DOMAIN}>;tag=${party.name}`,
      `To: <sip:${user}@${DOMAIN}>`,
      `Call-ID: register-${registrations}@${this.scene}`,
      "Supported: path, outbound",
      ...(path === undefined ? [] : [`Path: ${path}`]),
      ...(expires === undefined ? [] : [`Expires: ${expires}`]),
      `Contact: <${contact}>${q === undefined ? "" : `;q=${q}`}${outbound}`,
    ].join("\n");
  }
}

/** A URN for each name. */
export function instanceOf(name: string): string {
  return `urn:uuid:00000000-0000-1000-8000-${Buffer.from(name).toString("hex").padStart(12, "0").slice(-12).toUpperCase()}`;
}
