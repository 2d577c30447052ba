/**
 * Messages of the batch for the object path: their octets, and where they came from. Most come from few places, so what was read of the last
 * place is used again; and small messages share the memory that they are copied into.
 */
import type { Transport } from "../config/listener.js";
import type { Shard } from "./binding.js";
import type { Origin } from "./object-port.js";

export interface Arrival {
  readonly octets: Uint8Array;
  readonly origin: Origin;
  /** Of a request: the loop hash for `newBranch` (RFC 5393 4.2). */
  readonly loop: number;
}

/** As much as Node's own small buffers share: one that is kept for long keeps no more than that. */
const ROOM = 8_192;

export class Arrivals {
  readonly #shard: Pick<Shard, "arrival" | "message">;
  readonly #numbers = new Int32Array(2);
  #room = Buffer.allocUnsafeSlow(ROOM);
  #used = 0;
  #place = "";
  #origin: Origin | undefined;

  constructor(shard: Pick<Shard, "arrival" | "message">) {
    this.#shard = shard;
  }

  take(item: number): Arrival {
    const place = this.#shard.arrival(item, this.#numbers, this.#room, this.#used);
    const [size = 0, loop = 0] = this.#numbers;
    const octets = this.#octets(item, size);
    if (place !== this.#place || this.#origin === undefined) this.#origin = originIn(place);
    this.#place = place;
    return { octets, origin: this.#origin, loop: loop >>> 0 };
  }

  #octets(item: number, size: number): Uint8Array {
    const end = this.#used + size;
    if (end <= ROOM) {
      const octets = this.#room.subarray(this.#used, end);
      this.#used = end;
      return octets;
    }
    if (size > ROOM / 2) return this.#shard.message(item);
    this.#room = Buffer.allocUnsafeSlow(ROOM);
    this.#used = 0;
    this.#shard.arrival(item, this.#numbers, this.#room, 0);
    return this.#octets(item, size);
  }
}

function originIn(place: string): Origin {
  const [address = "", port = "", listener = "", fromCore = "", flow = "", answerFlow = "", transport = "", ip = "", at = ""] = place.split("\n");
  const from = { address, port: Number(port), listener: Number(listener), flow, answerFlow: answerFlow === "" ? flow : answerFlow, fromCore: fromCore === "1" };
  return transport === "" ? from : { ...from, neighbour: { transport: transport as Transport, address: ip, port: Number(at) } };
}
