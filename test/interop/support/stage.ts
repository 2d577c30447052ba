/** An edge with Kamailio behind it, and the peers that a test adds; all of them stop with it. */
import { Edge, type Settings } from "../../support/edge.js";
import { freePort } from "../../support/ports.js";
import { Party } from "../../support/party.js";
import { UdpSocket } from "../../support/udp-socket.js";
import type { Transport } from "../../support/wire.js";
import { Kamailio } from "./kamailio.js";

const HOST = "127.0.0.1";

export interface Scenery {
  readonly settings?: Settings;
  /** Between edge and registrar. */
  readonly core?: Transport;
  readonly recordRoute?: boolean;
  /** Client-side listeners in addition to UDP and TCP, each on its own port. */
  readonly layers?: readonly Layer[];
  /** Another listener, which accepts only a balancer. */
  readonly proxied?: "tcp" | "ws";
  /** What that listener advertises. */
  readonly advertised?: string;
}

export type Layer = Exclude<Transport, "udp" | "tcp">;

interface Stoppable {
  stop(): Promise<void>;
}

export class Stage {
  edge!: Edge;
  registrar!: Kamailio;
  /** host:port of the client side and of the core side. */
  client = "";
  core = "";
  proxied = "";
  readonly #scenery: Scenery;
  readonly #layers = new Map<Layer, string>();
  readonly #started: Stoppable[] = [];
  #isOpen = false;

  constructor(scenery: Scenery = {}) {
    this.#scenery = scenery;
  }

  async open(): Promise<void> {
    const { core = "udp", recordRoute, settings, layers = [], advertised } = this.#scenery;
    this.registrar = this.with(await Kamailio.start(recordRoute));
    this.client = `${HOST}:${await freePort(HOST)}`;
    this.core = `${HOST}:${await freePort(HOST)}`;
    for (const layer of layers) this.#layers.set(layer, `${HOST}:${await freePort(HOST)}`);
    if (this.#scenery.proxied) this.proxied = `${HOST}:${await freePort(HOST)}`;
    const balanced = this.#scenery.proxied ? [`${this.#scenery.proxied}:${this.proxied};proxy=require${advertised === undefined ? "" : `;advertise=${advertised}`}`] : [];
    const both = (at: string): string => `udp:${at},tcp:${at}`;
    this.edge = this.with(
      await Edge.spawn({
        SLUICE_LISTEN: [both(this.client), ...layers.map((layer) => `${layer}:${this.at(layer)}`), ...balanced].join(","),
        ...(this.#scenery.proxied ? { SLUICE_PROXY_TRUSTED: HOST } : {}),
        SLUICE_CORE_LISTEN: both(this.core),
        SLUICE_UPSTREAM: `sip:${this.registrar.at};transport=${core}`,
        ...settings,
      }),
    );
    this.#isOpen = true;
  }

  /** host:port of the listener for this layer. */
  at(layer: Layer): string {
    return this.#layers.get(layer) ?? "";
  }

  /** A core party that talks to `target` over UDP: to the edge's core side, or to the registrar. */
  async coreParty(target: "edge" | "registrar"): Promise<Party> {
    const at = target === "edge" ? this.core : this.registrar.at;
    const party = new Party("C", at, "interop", new Set());
    const port = Number(at.slice(at.lastIndexOf(":") + 1));
    const socket = await UdpSocket.open({ host: HOST, port }, party.receive);
    this.#started.push({ stop: () => socket.close() });
    return party.attach(socket);
  }

  /** Stops `peer` when the stage closes. */
  with<T extends Stoppable>(peer: T): T {
    this.#started.push(peer);
    return peer;
  }

  /** Stops everything in reverse order; throws if the edge is not healthy at the end. */
  async close(): Promise<void> {
    try {
      if (this.#isOpen) await this.edge.expectHealthy();
    } finally {
      for (const peer of this.#started.reverse()) await peer.stop();
    }
  }
}
