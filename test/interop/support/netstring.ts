/** Netstrings, `LENGTH:OCTETS,`, which frame the messages on baresip's control connection. */

export function encodeNetstring(text: string): string {
  return `${Buffer.byteLength(text)}:${text},`;
}

export class NetstringDecoder {
  #rest = Buffer.alloc(0);

  push(bytes: Buffer): string[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const found: string[] = [];
    for (;;) {
      const colon = this.#rest.indexOf(":");
      const end = colon + 1 + Number(this.#rest.subarray(0, Math.max(colon, 0)).toString());
      if (colon < 0 || this.#rest.length <= end) return found;
      found.push(this.#rest.subarray(colon + 1, end).toString());
      this.#rest = this.#rest.subarray(end + 1);
    }
  }
}
