/**
 * Sofia-SIP behind an edge with default settings, with Kamailio's registrar and with ours: it registers without reg-id and Path, is called,
 * calls, and either side hangs up.
 *
 * Needs: kamailio, sofia-sip-bin, libsofia-sip-ua-dev
 */
import { describe, onTestFinished } from "vitest";
import { Edge } from "../support/edge.js";
import { Home } from "../support/home.js";
import { freePort } from "../support/ports.js";
import { Kamailio } from "./support/kamailio.js";
import { testWith } from "../support/test-with.js";
import { Sofia } from "./support/sofia.js";

const test = testWith("kamailio", "sip-options");
const HOST = "127.0.0.1";

/** An edge with that registrar behind it: where clients connect. */
async function behind(registrar: "kamailio" | "ours"): Promise<string> {
  const [client, core] = [`${HOST}:${await freePort(HOST)}`, `${HOST}:${await freePort(HOST)}`];
  const kamailio = registrar === "kamailio" ? await Kamailio.start() : undefined;
  const home = registrar === "ours" ? await Home.open({ SLUICE_MODE: "registrar", SLUICE_EDGES: core }) : undefined;
  onTestFinished(async () => void (await Promise.all([kamailio?.stop(), home?.close()])));
  const upstream = `sip:${kamailio?.at ?? home?.at ?? ""}`;
  const edge = await Edge.spawn({ SLUICE_LISTEN: `udp:${client},tcp:${client}`, SLUICE_CORE_LISTEN: `udp:${core},tcp:${core}`, SLUICE_UPSTREAM: upstream });
  onTestFinished(() => edge.stop());
  return client;
}

describe.each(["kamailio", "ours"] as const)("behind the edge, registrar %s", (registrar) => {
  test.each(["udp", "tcp"] as const)("SA-20 OB-5.3.1-1 two Sofia-SIP agents over %s call one another, and each hangs up", async (transport) => {
    const server = await behind(registrar);
    const [alice, bob] = [await Sofia.start({ user: "alice", server, transport }), await Sofia.start({ user: "bob", server, transport })];
    onTestFinished(async () => void (await Promise.all([alice.stop(), bob.stop()])));
    for (const [caller, callee, leaver] of [[alice, bob, alice], [bob, alice, alice]] as const) {
      caller.call(callee.uri);
      await Promise.all([caller.says("established 200"), callee.says("established 200")]);
      leaver.hangUp();
      await Promise.all([caller.says("ended 200"), callee.says("ended 200")]);
    }
  });
});
