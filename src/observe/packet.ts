/** A copied message as a packet between two endpoints, for the writers of captures. */
import type { ShardListener } from "../native/binding.js";
import { type Tapped, ipOctets } from "./tapped.js";

export interface End {
  /** 16 octets. */
  readonly ip: Uint8Array;
  readonly port: number;
}

export interface Packet {
  readonly timeUs: bigint;
  readonly from: End;
  readonly to: End;
  /** What carried it on the wire: a datagram or a stream. */
  readonly overUdp: boolean;
  readonly octets: Buffer;
}

/** The endpoints of our listeners do not change, so they are made once. */
export class PacketMaker {
  readonly #ends: readonly { readonly end: End; readonly overUdp: boolean }[];

  constructor(listeners: readonly ShardListener[]) {
    this.#ends = listeners.map(({ address, port, transport }) => ({ end: { ip: ipOctets(address), port }, overUdp: transport === "udp" }));
  }

  make({ timeUs, ip, port, listener, sent, octets }: Tapped): Packet | undefined {
    const ours = this.#ends[listener];
    if (ours === undefined) return undefined;
    const peer = { ip, port };
    return { timeUs, from: sent ? ours.end : peer, to: sent ? peer : ours.end, overUdp: ours.overUdp, octets };
  }
}

const CALL_ID = /^(?:call-id|i)[ \t]*:[ \t]*(\S+)/im;

/** "": there is none. */
export function callIdOf(octets: Buffer): string {
  const end = octets.indexOf("\r\n\r\n");
  return CALL_ID.exec(octets.toString("latin1", 0, end < 0 ? octets.length : end))?.[1] ?? "";
}
