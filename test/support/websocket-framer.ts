/** The client side of RFC 6455 in a test: masked frames, reassembled messages, and pings answered as a browser would. */
import { isUtf8 } from "node:buffer";
import { randomBytes } from "node:crypto";

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly fin: boolean;
  readonly masked: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

export interface FrameShape {
  readonly fin?: boolean;
  readonly reserved?: number;
  /** Without a mask, as no client may send. */
  readonly unmasked?: boolean;
}

export function frame(opcode: number, payload: Buffer | string, { fin = true, reserved = 0, unmasked = false }: FrameShape = {}): Buffer {
  const octets = Buffer.from(payload);
  const mask = unmasked ? Buffer.alloc(0) : randomBytes(4);
  const first = (fin ? 0x80 : 0) | reserved | opcode;
  return Buffer.concat([Buffer.from([first]), lengthOf(octets.length, unmasked ? 0 : 0x80), mask, unmasked ? octets : octets.map((octet, at) => octet ^ (mask[at % 4] ?? 0))]);
}

export function closeFrame(code: number, reason = ""): Buffer {
  return frame(Opcode.close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));
}

function lengthOf(size: number, maskBit: number): Buffer {
  if (size < 126) return Buffer.from([maskBit | size]);
  if (size < 65_536) return Buffer.from([maskBit | 126, size >> 8, size & 0xff]);
  const long = Buffer.alloc(9);
  long[0] = maskBit | 127;
  long.writeBigUInt64BE(BigInt(size), 1);
  return long;
}

export class WebSocketFramer {
  /** Every received frame, including control frames. */
  readonly frames: Frame[] = [];
  #rest = Buffer.alloc(0);
  #replies: Buffer[] = [];

  encode(text: string): Buffer {
    const octets = Buffer.from(text, "latin1");
    return frame(isUtf8(octets) ? Opcode.text : Opcode.binary, octets);
  }

  /** Complete messages, in order. A server has no reason to send fragments, and this edge does not. */
  push(bytes: Buffer): string[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const found: string[] = [];
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.frames.push(next);
      if (next.masked || !next.fin) throw new Error("a server's frame that is masked or a fragment");
      if (next.opcode === Opcode.text || next.opcode === Opcode.binary) found.push(next.payload.toString("latin1"));
      else if (next.opcode === Opcode.ping) this.#replies.push(frame(Opcode.pong, next.payload));
    }
    return found;
  }

  takeReplies(): readonly Buffer[] {
    return this.#replies.splice(0);
  }

  get unfinished(): string {
    return this.#rest.toString("latin1");
  }

  #take(): Frame | undefined {
    const [first, second] = this.#rest;
    if (first === undefined || second === undefined) return undefined;
    const short = second & 0x7f;
    const head = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (this.#rest.length < head) return undefined;
    const size = short === 127 ? Number(this.#rest.readBigUInt64BE(2)) : short === 126 ? this.#rest.readUInt16BE(2) : short;
    if (this.#rest.length < head + size) return undefined;
    const payload = this.#rest.subarray(head, head + size);
    this.#rest = this.#rest.subarray(head + size);
    return { fin: (first & 0x80) !== 0, masked: (second & 0x80) !== 0, opcode: first & 0x0f, payload };
  }
}
