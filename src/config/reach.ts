/** Who can reach a listener. */
import { BlockList } from "node:net";
import { type Listener, isWildcard } from "./listener.js";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 2.5.6. */
const PRIVATE = new BlockList();
for (const [address, prefix] of [["10.0.0.0", 8], ["172.16.0.0", 12], ["192.168.0.0", 16], ["100.64.0.0", 10], ["169.254.0.0", 16]] as const) {
  PRIVATE.addSubnet(address, prefix, "ipv4");
}
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addSubnet("fe80::", 10, "ipv6");

export type Reach = "this host" | "this network" | "anybody";

/** A wildcard counts as public: the host may have any address. */
export function reachOf({ host, family }: Pick<Listener, "host" | "family">): Reach {
  const kind = family === 4 ? "ipv4" : "ipv6";
  if (!isWildcard(host)) {
    if (LOOPBACK.check(host, kind)) return "this host";
    if (PRIVATE.check(host, kind)) return "this network";
  }
  return "anybody";
}
