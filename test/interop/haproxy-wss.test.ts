/**
 * Browsers over WSS behind HAProxy, which terminates TLS and talks to the edge over an unencrypted WebSocket.
 *
 * Needs: kamailio, haproxy, chromium
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { testCertificates } from "../support/certificates.js";
import { freePort } from "../support/ports.js";
import { Browser, type BrowserPhone, callEachOther, ORIGIN } from "./support/browser.js";
import { Haproxy } from "./support/haproxy.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "haproxy", "chromium");

describe("browsers over WSS terminated by HAProxy", () => {
  let stage: Stage;
  let alice: BrowserPhone;
  let bob: BrowserPhone;

  beforeAll(async () => {
    const { edge: certificate } = testCertificates();
    const port = await freePort("127.0.0.1");
    stage = new Stage({ proxied: "ws", advertised: `wss:127.0.0.1:${port}`, settings: { SLUICE_WS_ORIGINS: ORIGIN } });
    await stage.open();
    stage.with(await Haproxy.start(stage.proxied, { port, certificate }));
    const browser = stage.with(await Browser.start());
    alice = await browser.phone("jssip", "alice", `wss://127.0.0.1:${port}`);
    bob = await browser.phone("sipjs", "bob", `wss://127.0.0.1:${port}`);
  });
  afterAll(() => stage.close());

  test("TR-22 WS-4.1-1 OB-5.3-5 they register with outbound, call one another, and each hangs up", async () => {
    await Promise.all([alice.hears("registered"), bob.hears("registered")]);
    for (const { regId } of await stage.registrar.registered(["alice", "bob"])) expect(regId).toBe(1);
    await callEachOther(alice, bob);
  });
});
