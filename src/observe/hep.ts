/** HEP3 to a Homer server: one datagram per message, never waited for. */
import { type Socket, createSocket } from "node:dgram";
import { promises as dns } from "node:dns";
import type { HostPort } from "../config/host-port.js";
import type { Log } from "./log.js";
import { type Packet, callIdOf } from "./packet.js";
import { ipv4Of } from "./tapped.js";

const SIP = 1;
const UDP = 17;
const TCP = 6;
const FAMILY_4 = 2;
const FAMILY_6 = 10;
// The most that a datagram over IPv4 carries.
const MAX_OCTETS = 65_507;
// Datagrams that may wait in the socket; further ones are lost.
const MAX_WAITING = 4_096;

/** Chunk types of vendor 0, the generic ones. */
const Chunk = {
  family: 1,
  protocol: 2,
  source4: 3,
  target4: 4,
  source6: 5,
  target6: 6,
  sourcePort: 7,
  targetPort: 8,
  seconds: 9,
  microseconds: 10,
  type: 11,
  agent: 12,
  payload: 15,
  correlation: 17,
} as const;

/** Undefined: too long for a datagram. */
function hepPacket(packet: Packet, agent: number): Buffer | undefined {
  const { from, to, timeUs, octets } = packet;
  // A chunk has 16 bits for its length, and a message may be longer.
  if (octets.length > MAX_OCTETS) return undefined;
  const [from4, to4] = [ipv4Of(from.ip), ipv4Of(to.ip)];
  const v4 = from4 !== undefined && to4 !== undefined;
  const chunks = [
    chunk(Chunk.family, number(1, v4 ? FAMILY_4 : FAMILY_6)),
    chunk(Chunk.protocol, number(1, packet.overUdp ? UDP : TCP)),
    chunk(v4 ? Chunk.source4 : Chunk.source6, v4 ? from4 : from.ip),
    chunk(v4 ? Chunk.target4 : Chunk.target6, v4 ? to4 : to.ip),
    chunk(Chunk.sourcePort, number(2, from.port)),
    chunk(Chunk.targetPort, number(2, to.port)),
    chunk(Chunk.seconds, number(4, Number(timeUs / 1_000_000n))),
    chunk(Chunk.microseconds, number(4, Number(timeUs % 1_000_000n))),
    chunk(Chunk.type, number(1, SIP)),
    chunk(Chunk.agent, number(4, agent)),
    chunk(Chunk.correlation, Buffer.from(callIdOf(octets), "latin1")),
    chunk(Chunk.payload, octets),
  ];
  const size = chunks.reduce((sum, { length }) => sum + length, 6);
  if (size > MAX_OCTETS) return undefined;
  return Buffer.concat([Buffer.from("HEP3"), number(2, size), ...chunks]);
}

function chunk(type: number, value: Uint8Array): Buffer {
  return Buffer.concat([number(2, 0), number(2, type), number(2, value.length + 6), value]);
}

function number(octets: 1 | 2 | 4, value: number): Buffer {
  const buffer = Buffer.alloc(octets);
  buffer.writeUIntBE(value, 0, octets);
  return buffer;
}

export class HepSender {
  readonly #target: HostPort;
  readonly #agent: number;
  readonly #log: Log;
  #socket: Socket | undefined;
  #waiting = 0;
  #closed = false;
  lost = 0;

  constructor(target: HostPort, agent: number, log: Log) {
    this.#target = target;
    this.#agent = agent;
    this.#log = log;
    void this.#open();
  }

  put(packet: Packet): void {
    const octets = this.#socket === undefined || this.#waiting >= MAX_WAITING ? undefined : hepPacket(packet, this.#agent);
    if (octets === undefined) {
      this.lost += 1;
      return;
    }
    this.#waiting += 1;
    this.#socket?.send(octets, (error) => {
      this.#waiting -= 1;
      if (error) this.lost += 1;
    });
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  /** The name is resolved once; messages until then are lost. */
  async #open(): Promise<void> {
    const { host, port } = this.#target;
    try {
      const { address, family } = await dns.lookup(host);
      if (this.#closed) return;
      const socket = createSocket(family === 6 ? "udp6" : "udp4");
      // ICMP reports that nothing listens there, which does not matter.
      socket.on("error", () => undefined);
      socket.connect(port, address, () => (this.#socket = this.#closed ? undefined : socket));
      socket.unref();
    } catch (error) {
      this.#log.error({ err: error, host }, "cannot resolve the HEP server: nothing is sent to it");
    }
  }
}
