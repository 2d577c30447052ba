/**
 * Phones without reg-id behind an edge with default settings: they register with 200, are called, call, and hang up both ways.
 * With Kamailio's registrar and with ours, both of which insist on the option tag of Path.
 *
 * Needs: kamailio, chromium, linphonec, twinkle-console, baresip
 */
import { afterAll, beforeAll, describe } from "vitest";
import { Edge } from "../support/edge.js";
import { Home } from "../support/home.js";
import { freePort } from "../support/ports.js";
import { Baresip } from "./support/baresip.js";
import { Browser, type BrowserPhone, ORIGIN } from "./support/browser.js";
import { Kamailio } from "./support/kamailio.js";
import { Linphone } from "./support/linphone.js";
import { testWith } from "../support/test-with.js";
import { Twinkle } from "./support/twinkle.js";

const test = testWith("kamailio", "chromium", "linphonec", "twinkle-console", "baresip");
const HOST = "127.0.0.1";

interface Place {
  readonly client: string;
  readonly websocket: string;
  readonly stop: () => Promise<void>;
}

/** An edge with that registrar behind it. */
async function behind(registrar: "kamailio" | "ours"): Promise<Place> {
  const [client, websocket, core] = [await freePort(HOST), await freePort(HOST), await freePort(HOST)].map((port) => `${HOST}:${port}`) as [string, string, string];
  const kamailio = registrar === "kamailio" ? await Kamailio.start() : undefined;
  const home = registrar === "ours" ? await Home.open({ SLUICE_MODE: "registrar", SLUICE_EDGES: core }) : undefined;
  const edge = await Edge.spawn({
    SLUICE_LISTEN: `udp:${client},tcp:${client},ws:${websocket}`,
    SLUICE_CORE_LISTEN: `udp:${core},tcp:${core}`,
    SLUICE_UPSTREAM: `sip:${kamailio?.at ?? home?.at ?? ""}`,
    SLUICE_WS_ORIGINS: ORIGIN,
  });
  const stop = async (): Promise<void> => {
    await edge.stop();
    await kamailio?.stop();
    await home?.close();
  };
  return { client, websocket, stop };
}

for (const registrar of ["kamailio", "ours"] as const) {
  for (const transport of ["tcp", "udp"] as const) {
    describe(`linphonec over ${transport} behind the edge, registrar ${registrar}`, () => {
      let place: Place;
      let linphone: Linphone | undefined;
      let alice: Baresip | undefined;

      beforeAll(async () => {
        place = await behind(registrar);
        linphone = await Linphone.start({ user: "lin", server: place.client, transport });
        alice = await Baresip.start({ user: "alice", edge: place.client, transports: ["tcp"] });
      });
      afterAll(async () => {
        await linphone?.stop();
        await alice?.stop();
        await place.stop();
      });

      test("SA-20 OB-5.3.1-1 is called, and the caller hangs up", async () => {
        await alice?.dial(linphone?.uri ?? "");
        await linphone?.inCall();
        await alice?.hangUp();
        await linphone?.hungUp();
      });

      test("SA-20 OB-5.3.1-1 calls, and hangs up", async () => {
        alice?.awaitCall();
        await linphone?.call(alice?.uri ?? "");
        await linphone?.hangUp();
        await alice?.hungUp();
      });
    });
  }

  describe(`twinkle behind the edge, registrar ${registrar}`, () => {
    let place: Place;
    let twinkle: Twinkle | undefined;
    let alice: Baresip | undefined;

    beforeAll(async () => {
      place = await behind(registrar);
      twinkle = await Twinkle.start("twinkle", place.client);
      alice = await Baresip.start({ user: "alice", edge: place.client, transports: ["tcp"] });
    });
    afterAll(async () => {
      await twinkle?.stop();
      await alice?.stop();
      await place.stop();
    });

    test("SA-20 OB-5.3.1-1 is called, and the caller hangs up", async () => {
      await Promise.all([alice?.dial(twinkle?.uri ?? ""), twinkle?.answer()]);
      await alice?.hangUp();
      await twinkle?.hungUp();
    });

    test("SA-20 OB-5.3.1-1 is called, and hangs up", async () => {
      await Promise.all([alice?.dial(twinkle?.uri ?? ""), twinkle?.answer()]);
      await twinkle?.hangUp();
      await alice?.hungUp();
    });

    test("SA-20 OB-5.3.1-1 calls, and each hangs up", async () => {
      alice?.awaitCall();
      await twinkle?.call(alice?.uri ?? "");
      await twinkle?.hangUp();
      await alice?.hungUp();
      alice?.awaitCall();
      await twinkle?.call(alice?.uri ?? "");
      await alice?.hangUp();
      await twinkle?.hungUp();
    });
  });

  describe(`SIP.js with its default Registerer behind the edge, registrar ${registrar}`, () => {
    let place: Place;
    let browser: Browser | undefined;
    let alice: BrowserPhone;
    let bob: BrowserPhone;

    beforeAll(async () => {
      place = await behind(registrar);
      browser = await Browser.start();
      alice = await browser.phone("sipjs", "alice", `ws://${place.websocket}`, true);
      bob = await browser.phone("sipjs", "bob", `ws://${place.websocket}`, true);
    });
    afterAll(async () => {
      await browser?.stop();
      await place.stop();
    });

    test("SA-20 OB-5.3.1-1 they register, call one another, and each hangs up", async () => {
      await Promise.all([alice.hears("registered"), bob.hears("registered")]);
      await alice.call(bob.uri);
      await Promise.all([alice.hears("established"), bob.hears("established")]);
      await alice.hangUp();
      await Promise.all([alice.hears("ended"), bob.hears("ended")]);
      await alice.call(bob.uri);
      await Promise.all([alice.hears("established", 2), bob.hears("established", 2)]);
      await bob.hangUp();
      await Promise.all([alice.hears("ended", 2), bob.hears("ended", 2)]);
    });
  });
}
