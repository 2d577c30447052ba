/** sipsak, the swiss army knife: one request, and an exit code that reflects the response. */
import { tmpdir } from "node:os";
import { peerPath } from "../../support/peers.js";
import { type Exit, Program } from "./program.js";

export function sipsak(...args: readonly string[]): Promise<Exit> {
  return new Program("sipsak", peerPath("sipsak"), args, tmpdir()).exit();
}
