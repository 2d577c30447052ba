/** Every conformance document over IPv6, if this machine has it. */
import { networkInterfaces } from "node:os";
import { expect, test } from "vitest";
import { playAll } from "./stage.js";

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));

if (hasIpv6) {
  playAll({ name: "UDP to UDP over IPv6", client: "udp", core: "udp", host: "::1" });
  playAll({ name: "TCP to TCP over IPv6", client: "tcp", core: "tcp", host: "::1" });
} else {
  // A developer's machine may lack IPv6; CI must have it.
  test("this machine has ::1, or this is not CI", () => expect(process.env["CI"]).toBeUndefined());
}
