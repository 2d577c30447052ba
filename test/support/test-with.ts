/** Tests that need programs of others: without them they are left out, and the end of the run says so; CI insists on them. */
import { type TestAPI, test } from "vitest";
import { type Peer, missingPeers } from "./peers.js";

/** `test`, or a skipped test if a peer is missing; with CI=true it runs, and fails for lack of the peer. */
export function testWith(...peers: readonly (Peer | undefined)[]): TestAPI {
  const isComplete = missingPeers(peers.filter((peer) => peer !== undefined)).length === 0;
  return isComplete || process.env["CI"] === "true" ? test : (test.skip as TestAPI);
}
