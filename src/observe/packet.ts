/** A copied message as a packet between two endpoints, for the writers of captures. */
import type { ShardListener } from "../native/shard-settings.js";
import { listenerOf } from "../native/listener-of.js";
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

/** The addresses of our listeners do not change, so they are converted once. */
export class PacketMaker {
  readonly #ends: readonly { readonly ip: Uint8Array; readonly listener: ShardListener }[];

  constructor(listeners: readonly ShardListener[]) {
    this.#ends = listeners.map((listener) => ({ ip: ipOctets(listener.address), listener }));
  }

  make({ timeUs, ip, port, shard, listener, sent, octets }: Tapped): Packet | undefined {
    const place = this.#ends[listener];
    if (place === undefined) return undefined;
    const ours: End = { ip: place.ip, port: listenerOf(place.listener, shard).port };
    const peer = { ip, port };
    return { timeUs, from: sent ? ours : peer, to: sent ? peer : ours, overUdp: place.listener.transport === "udp", octets };
  }
}

const CALL_ID = /^(?:call-id|i)[ \t]*:[ \t]*(\S+)/im;

/** "": there is none. */
export function callIdOf(octets: Buffer): string {
  const end = octets.indexOf("\r\n\r\n");
  return CALL_ID.exec(octets.toString("latin1", 0, end < 0 ? octets.length : end))?.[1] ?? "";
}
