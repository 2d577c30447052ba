/** Whether an address is in one of several networks. */
import { BlockList, isIPv6 } from "node:net";
import type { Cidr } from "../config/cidr.js";

const MAX_KNOWN = 256;

export class Networks {
  readonly #anyPort = new BlockList();
  readonly #byPort = new Map<number, BlockList>();
  /** Neighbours are few, and each sends many requests. */
  readonly #known = new Map<string, boolean>();

  constructor(nets: readonly Cidr[]) {
    for (const { address, prefix, family, port } of nets) {
      let list = this.#anyPort;
      if (port !== undefined) {
        list = this.#byPort.get(port) ?? new BlockList();
        this.#byPort.set(port, list);
      }
      list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
    }
  }

  hold(address: string, port: number): boolean {
    const place = `${address} ${port}`;
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    const holds = this.#find(address, port);
    this.#known.set(place, holds);
    return holds;
  }

  #find(address: string, port: number): boolean {
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    return this.#anyPort.check(address, family) || this.#byPort.get(port)?.check(address, family) === true;
  }
}
