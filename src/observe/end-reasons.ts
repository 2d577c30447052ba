/** Why a flow ended, in words. */
import { Counter } from "../native/layout.js";

export const REASONS: Readonly<Record<number, string>> = {
  [Counter.flowsClosed]: "closed by the peer or the network",
  [Counter.flowsExpired]: "no sign of life in time",
  [Counter.flowsRefused]: "refused by a limit or a ban",
  [Counter.flowsOverrun]: "the peer did not read",
  [Counter.flowsFaulty]: "lost framing or missed a timer",
  [Counter.flowsMoved]: "closed by the operator or a drain",
};
