/**
 * linphonec on the standalone server: no reg-id, no Path, so its binding is its connection, and it is called back on it.
 *
 * Needs: linphonec, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { Party } from "../support/party.js";
import { Home } from "../support/home.js";
import { Baresip } from "./support/baresip.js";
import { Linphone } from "./support/linphone.js";
import { testWith } from "../support/test-with.js";

const test = testWith("linphonec", "baresip");

for (const transport of ["tcp", "udp"] as const) {
  describe(`linphonec over ${transport}`, () => {
    let home: Home;
    let linphone: Linphone;
    let alice: Baresip;
    let carol: Party;

    beforeAll(async () => {
      home = await Home.open();
      linphone = await Linphone.start({ user: "lin", server: home.at, transport });
      alice = await Baresip.start({ user: "alice", edge: home.at, transports: ["udp"] });
      carol = await home.phone("carol");
      await home.register(carol);
    });
    afterAll(async () => {
      await linphone.stop();
      await alice.stop();
      await home.close();
    });

    test("SA-20 SA-1 is called on its connection, and the caller hangs up", async () => {
      await alice.dial(linphone.uri);
      await linphone.inCall();
      await alice.hangUp();
      await linphone.hungUp();
    });

    test("SA-20 SA-1 SA-3 calls, and hangs up", async () => {
      alice.awaitCall();
      await linphone.call(alice.uri);
      await linphone.hangUp();
      await alice.hungUp();
    });

    test("SA-20 SA-1 gets a MESSAGE and sends one", async () => {
      await carol.say(`MESSAGE ${linphone.uri} SIP/2.0\nContent-Type: text/plain\n\nhello linphone`);
      await carol.response(200);
      await linphone.shows("hello linphone");
      linphone.say("sip:carol@example.com", "hello carol");
      expect((await carol.request("MESSAGE")).body).toBe("hello carol");
      await carol.reply("200 OK");
    });
  });
}
