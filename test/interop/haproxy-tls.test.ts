/**
 * baresip over TLS behind HAProxy, which terminates TLS and talks to the edge unencrypted.
 *
 * Needs: kamailio, haproxy, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { testCertificates } from "../support/certificates.js";
import { freePort } from "../support/ports.js";
import { Baresip } from "./support/baresip.js";
import { Haproxy } from "./support/haproxy.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "haproxy", "baresip");

for (const recordRoute of [true, false]) {
  describe(`phones over TLS terminated by HAProxy, the core ${recordRoute ? "record-routes" : "leaves the dialog"}`, () => {
    let stage: Stage;
    let [alice, bob]: Baresip[] = [];

    beforeAll(async () => {
      const { authority, edge: certificate } = testCertificates();
      const port = await freePort("127.0.0.1");
      const edge = `127.0.0.1:${port}`;
      stage = new Stage({ proxied: "tcp", advertised: `tls:${edge}`, recordRoute });
      await stage.open();
      stage.with(await Haproxy.start(stage.proxied, { port, certificate }));
      const phone = (user: string): Promise<Baresip> => Baresip.start({ user, edge, transports: ["tls"], authority: authority.file });
      alice = stage.with(await phone("alice"));
      bob = stage.with(await phone("bob"));
    });
    afterAll(() => stage.close());

    test("TR-22 OB-5.3-5 calls both ways, ACK and BYE arrive, and Via and Record-Route name TLS", async () => {
      if (!alice || !bob) throw new Error("a phone is missing");
      for (const [caller, callee] of [[alice, bob], [bob, alice]] as const) {
        await caller.call(callee);
        await callee.hears("ACK", 0, 1);
        await caller.hangUp();
        await callee.hungUp();
        await caller.call(callee);
        await callee.hangUp();
        await caller.hungUp();
      }
      const invite = bob.received.find(({ method, isResponse }) => method === "INVITE" && !isResponse);
      expect(invite?.header("Via")).toMatch(/^SIP\/2\.0\/TLS /);
      expect(invite?.header("Record-Route")).toContain(";transport=tls");
    });
  });
}
