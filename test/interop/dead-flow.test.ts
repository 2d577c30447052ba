/**
 * A client is called through its token; then its connection is cut, or someone tampers with the token.
 *
 * Needs: kamailio, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Party } from "../support/party.js";
import { userOf } from "../support/sip-message.js";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "baresip");

// The next call must not wait for a timer.
const AT_ONCE = 1_000;

describe("a baresip that has registered over TCP", () => {
  const stage = new Stage();
  let alice: Baresip;
  let core: Party;
  let path: readonly string[];

  beforeAll(async () => {
    await stage.open();
    alice = stage.with(await Baresip.start({ user: "alice", edge: stage.client, transports: ["tcp"] }));
    core = await stage.coreParty("edge");
    path = await stage.registrar.pathTo("alice");
  });
  afterAll(() => stage.close());

  function options(callId: string, route: readonly string[]): string {
    return `OPTIONS ${alice.uri} SIP/2.0\nCall-ID: ${callId}\nRoute: ${route.join(", ")}`;
  }

  test("SA-20 OB-5.1-3 is reached along the Path that Kamailio has stored", async () => {
    await core.say(options("reach", path));
    const ok = await core.response(200);
    expect(ok.header("Server")).toContain("baresip");
  });

  test("SA-20 OB-5.2-1 OB-12-2 is not reached with one character of the token changed: 403", async () => {
    const withToken = path.filter((value) => userOf(value) !== "");
    expect(withToken.length).toBeGreaterThan(0);
    for (const [at, value] of withToken.entries()) {
      const forged = path.map((one) => (one === value ? flip(one) : one));
      await core.say(options(`forged-${at}`, forged));
      await core.response(403);
    }
  });

  test("SA-20 OB-5.3.1-4 once its connection is cut, the next call gets 430, from the edge and through Kamailio", async () => {
    const caller = await stage.coreParty("registrar");
    await alice.kill();
    await core.say(invite("direct", core, `\nRoute: ${path.join(", ")}`));
    await core.response(430, AT_ONCE);
    await caller.say(invite("called", caller));
    await caller.response(430, AT_ONCE);
  });

  test("SA-20 OB-11-3 another baresip that calls it then gets 480, because 430 is not for clients", async () => {
    const bob = stage.with(await Baresip.start({ user: "bob", edge: stage.client, transports: ["udp"] }));
    await bob.fails(alice, 480);
  });

  function invite(callId: string, from: Party, route = ""): string {
    return `INVITE ${alice.uri} SIP/2.0\nCall-ID: ${callId}\nContact: <sip:caller@${from.at}>${route}`;
  }
});

/** Changes a character in the middle of the user part, after the octet that names the key. */
function flip(value: string): string {
  const token = userOf(value);
  const middle = token.length / 2;
  const other = token[middle] === "A" ? "B" : "A";
  return value.replace(token, `${token.slice(0, middle)}${other}${token.slice(middle + 1)}`);
}
