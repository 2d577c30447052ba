/**
 * Two baresip call each other through the edge, with Kamailio as their registrar and home proxy.
 *
 * Needs: kamailio, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { Baresip } from "./support/baresip.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";
import { testCertificates, tlsSettings } from "../support/certificates.js";
import { userOf } from "../support/sip-message.js";
import type { Transport } from "../support/wire.js";

const test = testWith("kamailio", "baresip");

interface Line {
  readonly caller: Transport;
  readonly callee: Transport;
  readonly core: Transport;
  /** Without it, the dialog's requests go straight from one of the edge's tokens to the other. */
  readonly recordRoute: boolean;
}

const LINES: readonly Line[] = [
  { caller: "udp", callee: "udp", core: "udp", recordRoute: true },
  { caller: "tcp", callee: "tcp", core: "udp", recordRoute: true },
  { caller: "udp", callee: "tcp", core: "tcp", recordRoute: true },
  { caller: "tcp", callee: "udp", core: "udp", recordRoute: false },
  { caller: "tls", callee: "tls", core: "udp", recordRoute: true },
  { caller: "udp", callee: "tls", core: "tcp", recordRoute: false },
];

for (const { caller, callee, core, recordRoute } of LINES) {
  describe(`baresip over ${caller} and ${callee}, Kamailio over ${core}${recordRoute ? "" : " and not in the dialog"}`, () => {
    const isSecure = [caller, callee].includes("tls");
    const stage = new Stage({ core, recordRoute, ...(isSecure ? { layers: ["tls"], settings: tlsSettings() } : {}) });
    const phone = (user: string, transport: Transport): Promise<Baresip> =>
      Baresip.start({
        user,
        edge: transport === "tls" ? stage.at("tls") : stage.client,
        transports: [transport],
        ...(isSecure ? { authority: testCertificates().authority.file } : {}),
      });
    let alice: Baresip;
    let bob: Baresip;

    beforeAll(async () => {
      await stage.open();
      alice = stage.with(await phone("alice", caller));
      bob = stage.with(await phone("bob", callee));
    });
    afterAll(() => stage.close());

    test("SA-20 SA-21 OB-5.1-2 OB-5.1-5 both register with a token in Path, and the registrar does outbound", async () => {
      for (const peer of [alice, bob]) {
        const [ok] = peer.received.filter((message) => message.method === "REGISTER");
        expect(ok?.status).toBe(200);
        expect(ok?.header("Require")).toContain("outbound");
      }
      for (const user of ["alice", "bob"]) {
        const [binding] = await stage.registrar.registered([user]);
        expect(binding?.regId).toBe(1);
        expect(binding?.path.some((value) => userOf(value) !== "")).toBe(true);
        for (const value of binding?.path ?? []) expect(value).toMatch(/;ob[;>]/);
      }
    });

    test("SA-20 OB-5.3.2-7 OB-5.3-10 the caller hangs up", async () => {
      await alice.call(bob);
      await alice.hangUp();
      await bob.hungUp();
    });

    test("SA-20 OB-5.3.2-7 OB-5.3-10 the callee hangs up", async () => {
      await alice.call(bob);
      await bob.hangUp();
      await alice.hungUp();
    });

    test("SA-20 OB-5.3.2-7 OB-5.3-10 both send a re-INVITE within the call", async () => {
      await alice.call(bob);
      await alice.reinvite();
      await bob.reinvite();
      await bob.hangUp();
      await alice.hungUp();
    });

    test("SA-20 OB-5.3.2-7 OB-5.3-10 the other side calls, and each hangs up in turn", async () => {
      await bob.call(alice);
      await bob.hangUp();
      await alice.hungUp();
      await bob.call(alice);
      await alice.hangUp();
      await bob.hungUp();
    });
  });
}
