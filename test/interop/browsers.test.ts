/**
 * JsSIP and SIP.js in a real Chromium behind the edge, with Kamailio as their registrar.
 *
 * Needs: kamailio, chromium, baresip
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { testCertificates, tlsSettings } from "../support/certificates.js";
import { Edge } from "../support/edge.js";
import { freePort, hostPort } from "../support/ports.js";
import { Baresip } from "./support/baresip.js";
import { Browser, type BrowserPhone, callEachOther, type Library, ORIGIN } from "./support/browser.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "chromium", "baresip");

interface Line {
  readonly caller: Library;
  readonly callee: Library;
  readonly transport: "ws" | "wss";
}

const LINES: readonly Line[] = [
  { caller: "jssip", callee: "jssip", transport: "ws" },
  { caller: "sipjs", callee: "jssip", transport: "wss" },
  { caller: "jssip", callee: "sipjs", transport: "wss" },
];

for (const { caller, callee, transport } of LINES) {
  describe(`${caller} and ${callee} over ${transport.toUpperCase()}`, () => {
    const stage = new Stage({ layers: [transport], settings: { ...tlsSettings(), SLUICE_WS_ORIGINS: ORIGIN, SLUICE_OUTBOUND: "force" } });
    let alice: BrowserPhone;
    let bob: BrowserPhone;

    beforeAll(async () => {
      await stage.open();
      const browser = stage.with(await Browser.start());
      const server = `${transport}://${stage.at(transport)}`;
      alice = await browser.phone(caller, "alice", server);
      bob = await browser.phone(callee, "bob", server);
    });
    afterAll(() => stage.close());

    test("WS-4.1-1 OB-5.1-2 SA-20 both register with outbound, and the registrar has their flows", async () => {
      await Promise.all([alice.hears("registered"), bob.hears("registered")]);
      const bindings = await stage.registrar.registered(["alice", "bob"]);
      for (const { path, regId } of bindings) {
        expect(regId).toBe(1);
        expect(path.at(-1)).toContain(";transport=ws;lr");
      }
    });

    test("SA-20 WS-5.1-1 OB-5.3-10 they call one another, and either side hangs up", async () => {
      await callEachOther(alice, bob);
    });

    test("OB-9-3 OB-4.5-2 a page whose socket is cut reconnects by itself, and is called over its new flow", async () => {
      const [before] = await stage.registrar.registered(["bob"]);
      await bob.cut();
      await bob.hears("disconnected");
      await bob.hears("registered", 2);
      const renewed = async (): Promise<boolean> => (await stage.registrar.registered(["bob"]))[0]?.path.at(-1) !== before?.path.at(-1);
      await expect.poll(renewed, { timeout: 10_000 }).toBe(true);
      await alice.call(bob.uri);
      await Promise.all([alice.hears("established", 3), bob.hears("established", 3)]);
      await bob.hangUp();
      await Promise.all([alice.hears("ended", 3), bob.hears("ended", 3)]);
    });
  });
}

describe("JsSIP over WSS and a baresip over TLS", () => {
  const stage = new Stage({ layers: ["wss", "tls"], settings: { ...tlsSettings(), SLUICE_WS_ORIGINS: ORIGIN, SLUICE_OUTBOUND: "force" } });
  let page: BrowserPhone;
  let desk: Baresip;

  beforeAll(async () => {
    await stage.open();
    const browser = stage.with(await Browser.start());
    page = await browser.phone("jssip", "page", `wss://${stage.at("wss")}`);
    const { authority } = testCertificates();
    desk = stage.with(await Baresip.start({ user: "desk", edge: stage.at("tls"), transports: ["tls"], webrtc: true, authority: authority.file }));
  });
  afterAll(() => stage.close());

  test("SA-20 OB-5.3-8 the page calls the desk phone and hangs up, and the other way round", async () => {
    await page.hears("registered");
    await page.call(desk.uri);
    await page.hears("established");
    await page.hangUp();
    await desk.hungUp();
    await desk.dial(page.uri);
    await page.hears("established", 2);
    await desk.hangUp();
    await page.hears("ended by remote");
  });
});

describe("JsSIP and SIP.js on the standalone server", () => {
  const started: { stop(): Promise<void> }[] = [];
  let alice: BrowserPhone;
  let bob: BrowserPhone;

  beforeAll(async () => {
    const at = async (): Promise<string> => hostPort("127.0.0.1", await freePort());
    const [udp, ws] = [await at(), await at()];
    const server = await Edge.spawn({
      SLUICE_MODE: "standalone",
      SLUICE_LISTEN: `udp:${udp},ws:${ws}`,
      SLUICE_DOMAINS: "example.com",
      SLUICE_WS_ORIGINS: ORIGIN,
      SLUICE_SHARDS: "2",
    });
    started.push(server);
    const browser = await Browser.start();
    started.push(browser);
    alice = await browser.phone("jssip", "alice", `ws://${ws}`);
    bob = await browser.phone("sipjs", "bob", `ws://${ws}`);
  });
  afterAll(async () => {
    for (const one of started.reverse()) await one.stop();
  });

  test("SA-20 SA-1 SA-3 they register and call one another, and a cut socket comes back", async () => {
    await Promise.all([alice.hears("registered"), bob.hears("registered")]);
    await alice.call(bob.uri);
    await Promise.all([alice.hears("established"), bob.hears("established")]);
    await bob.hangUp();
    await Promise.all([alice.hears("ended"), bob.hears("ended")]);
    await bob.cut();
    await bob.hears("registered", 2);
    await alice.call(bob.uri);
    await Promise.all([alice.hears("established", 2), bob.hears("established", 2)]);
    await alice.hangUp();
    await Promise.all([alice.hears("ended", 2), bob.hears("ended", 2)]);
  });
});
