/** Reads the copies from a shard's tap; their layout is TapHead in native/core/observe/wire_tap.h. */

export interface Tapped {
  /** Microseconds since 1970. */
  readonly timeUs: bigint;
  /** Bit i: filter i asked for it. */
  readonly filters: number;
  readonly sent: boolean;
  /** Of the peer; 16 octets, IPv4 as ::ffff:a.b.c.d. */
  readonly ip: Uint8Array;
  readonly port: number;
  readonly shard: number;
  /** Index in ShardConfig.listeners. */
  readonly listener: number;
  readonly octets: Buffer;
}

const HEAD = 40;

export function* readTapped(chunk: Uint8Array, shard: number): Generator<Tapped> {
  const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let at = 0; at + HEAD <= buffer.length; ) {
    const size = buffer.readUInt32LE(at + 8);
    yield {
      timeUs: buffer.readBigUInt64LE(at),
      filters: buffer.readUInt32LE(at + 12),
      ip: buffer.subarray(at + 16, at + 32),
      port: buffer.readUInt16LE(at + 32),
      shard,
      listener: buffer.readUInt16LE(at + 34),
      sent: buffer[at + 36] === 1,
      octets: buffer.subarray(at + HEAD, at + HEAD + size),
    };
    at += HEAD + size;
  }
}

const V4_PREFIX = "00000000000000000000ffff";

/** Undefined: it is IPv6. */
export function ipv4Of(ip: Uint8Array): Uint8Array | undefined {
  return Buffer.from(ip.subarray(0, 12)).toString("hex") === V4_PREFIX ? ip.subarray(12, 16) : undefined;
}

export function ipText(ip: Uint8Array): string {
  const v4 = ipv4Of(ip);
  if (v4) return v4.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => (((ip[at * 2] ?? 0) << 8) | (ip[at * 2 + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** The other way round. */
export function ipOctets(address: string): Uint8Array {
  if (!address.includes(":")) return Buffer.from([...Buffer.from(V4_PREFIX, "hex"), ...address.split(".").map(Number)]);
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined): number[] => (part ? part.split(":").map((group) => Number.parseInt(group, 16)) : []);
  const [left, right] = [groups(head), groups(tail)];
  const all = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
