/**
 * A capture file for Wireshark and sngrep: each message is one IP packet with a UDP datagram, whatever its transport, so that messages
 * over TLS are readable too. A full file is renamed to FILE.1 and a new one begins. A slow disk loses copies and never delays a message.
 */
import { type WriteStream, createWriteStream, renameSync } from "node:fs";
import type { Log } from "./log.js";
import type { End, Packet } from "./packet.js";
import { ipv4Of } from "./tapped.js";

const LINKTYPE_RAW = 101;
const UDP = 17;
const UDP_HEAD = 8;
const V4_HEAD = 20;
const V6_HEAD = 40;
const MAX_WAITING = 8 << 20;
const MAX_PACKET = 65_535;

function pcapHead(): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(MAX_PACKET, 16);
  head.writeUInt32LE(LINKTYPE_RAW, 20);
  return head;
}

function pcapPacket({ timeUs, from, to, octets }: Packet): Buffer {
  const [from4, to4] = [ipv4Of(from.ip), ipv4Of(to.ip)];
  const ip = from4 && to4 ? ipv4Head(from4, to4, octets.length) : ipv6Head(from.ip, to.ip, octets.length);
  const all = Buffer.concat([ip, udpHead(from, to, octets.length), octets]);
  const kept = all.subarray(0, MAX_PACKET);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(Number(timeUs / 1_000_000n), 0);
  head.writeUInt32LE(Number(timeUs % 1_000_000n), 4);
  head.writeUInt32LE(kept.length, 8);
  head.writeUInt32LE(all.length, 12);
  return Buffer.concat([head, kept]);
}

function ipv4Head(from: Uint8Array, to: Uint8Array, payload: number): Buffer {
  const head = Buffer.alloc(V4_HEAD);
  head[0] = 0x45;
  head.writeUInt16BE(Math.min(V4_HEAD + UDP_HEAD + payload, MAX_PACKET), 2);
  head[8] = 64;
  head[9] = UDP;
  head.set(from, 12);
  head.set(to, 16);
  let sum = 0;
  for (let at = 0; at < V4_HEAD; at += 2) sum += head.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  head.writeUInt16BE(~sum & 0xffff, 10);
  return head;
}

function ipv6Head(from: Uint8Array, to: Uint8Array, payload: number): Buffer {
  const head = Buffer.alloc(V6_HEAD);
  head[0] = 0x60;
  head.writeUInt16BE(Math.min(UDP_HEAD + payload, MAX_PACKET), 4);
  head[6] = UDP;
  head[7] = 64;
  head.set(from, 8);
  head.set(to, 24);
  return head;
}

/** No checksum, which readers take as "not computed". */
function udpHead(from: End, to: End, payload: number): Buffer {
  const head = Buffer.alloc(UDP_HEAD);
  head.writeUInt16BE(from.port, 0);
  head.writeUInt16BE(to.port, 2);
  head.writeUInt16BE(Math.min(UDP_HEAD + payload, MAX_PACKET), 4);
  return head;
}

export class PcapWriter {
  readonly #path: string;
  readonly #most: number;
  readonly #log: Log;
  #stream: WriteStream | undefined;
  #size = 0;
  lost = 0;

  /** `most`: octets of one file. */
  constructor(path: string, most: number, log: Log) {
    this.#path = path;
    this.#most = most;
    this.#log = log;
  }

  put(packet: Packet): void {
    if (this.#stream === undefined || this.#size >= this.#most) this.#begin();
    if (this.#stream === undefined || this.#stream.writableLength > MAX_WAITING) {
      this.lost += 1;
      return;
    }
    const octets = pcapPacket(packet);
    this.#size += octets.length;
    if (this.#stream.destroyed) this.lost += 1;
    else this.#stream.write(octets);
  }

  close(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    return new Promise((resolve) => (stream === undefined || stream.destroyed ? resolve() : stream.end(() => resolve())));
  }

  #begin(): void {
    this.#stream?.end();
    try {
      renameSync(this.#path, `${this.#path}.1`);
    } catch {
      // There was none before.
    }
    const stream = createWriteStream(this.#path, { mode: 0o600 });
    stream.on("error", (error) => {
      this.#log.error({ err: error, file: this.#path }, "cannot write the capture file: captured messages are lost");
      // Retried when the next file would begin.
      if (this.#stream === stream) this.#size = 0;
    });
    const head = pcapHead();
    stream.write(head);
    this.#size = head.length;
    this.#stream = stream;
  }
}
