/**
 * The edge is upgraded again and again while real phones are registered and in calls, under a load of other phones, with Kamailio as the registrar
 * and home proxy of all.
 *
 * Needs: kamailio, baresip, linphonec, chromium
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { testCertificates, tlsSettings } from "../support/certificates.js";
import { SteadyLoad } from "../support/steady-load.js";
import { upgraded } from "../support/upgrading.js";
import type { Transport } from "../support/wire.js";
import { Baresip } from "./support/baresip.js";
import { Browser, type BrowserPhone, ORIGIN } from "./support/browser.js";
import { Linphone } from "./support/linphone.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "baresip", "linphonec", "chromium");
const LIMIT = { timeout: 240_000 };
/** In each of two rounds. */
const UPGRADES = 5;
/** So gentle that Kamailio, with one process for each transport, is never what fails. */
const LOAD = { phones: 40, rate: 300 };
/** Answered requests of each kind; the upgrades take three times as long. */
const LEAST = 500;

describe("upgrades while phones are in calls", () => {
  const stage = new Stage({ layers: ["tls", "ws", "wss"], settings: { ...tlsSettings(), SLUICE_WS_ORIGINS: ORIGIN, SLUICE_OUTBOUND: "force", SLUICE_SHARDS: "2" } });
  const users = ["tcp", "tls", "udp", "lin", "jssip", "sipjs"];
  let [tcp, tls, udp]: Baresip[] = [];
  let lin: Linphone;
  let jssip: BrowserPhone;
  let sipjs: BrowserPhone;

  const desk = async (transport: Transport): Promise<Baresip> =>
    stage.with(await Baresip.start({ user: transport, edge: transport === "tls" ? stage.at("tls") : stage.client, transports: [transport], interval: 600, authority: testCertificates().authority.file }));

  beforeAll(async () => {
    await stage.open();
    [tcp, tls, udp] = [await desk("tcp"), await desk("tls"), await desk("udp")];
    lin = stage.with(await Linphone.start({ user: "lin", server: stage.client, transport: "tcp" }));
    const browser = stage.with(await Browser.start());
    jssip = await browser.phone("jssip", "jssip", `wss://${stage.at("wss")}`);
    sipjs = await browser.phone("sipjs", "sipjs", `ws://${stage.at("ws")}`);
  });
  afterAll(() => stage.close());

  test("SA-20 no phone registers again, calls go on, and either side hangs up", LIMIT, async () => {
    if (tcp === undefined || tls === undefined || udp === undefined) expect.unreachable();
    await Promise.all([jssip.hears("registered"), sipjs.hears("registered")]);
    const before = await stage.registrar.registered(users);
    const registers = (): readonly number[] => [tcp, tls, udp].map((one) => one?.received.filter(({ method }) => method === "REGISTER").length ?? 0);
    const sent = registers();
    const load = stage.with(await SteadyLoad.start({ host: "127.0.0.1", port: Number(stage.client.split(":")[1]) }, LOAD));
    for (let round = 1; round <= 2; round += 1) {
      const isFirst = round === 1;
      await (isFirst ? tcp.call(tls) : tls.call(tcp));
      await (isFirst ? jssip.call(sipjs.uri) : sipjs.call(jssip.uri));
      await Promise.all([jssip.hears("established", round), sipjs.hears("established", round)]);
      await udp.dial(lin.uri);
      await lin.inCall();
      for (let time = 0; time < UPGRADES; time += 1) await upgraded(stage.edge);
      // First the callers end the calls, then the callees.
      await tcp.hangUp();
      await tls.hungUp();
      await jssip.hangUp();
      await Promise.all([jssip.hears("ended", round), sipjs.hears("ended", round)]);
      if (isFirst) {
        await udp.hangUp();
        await lin.hungUp();
      } else {
        await lin.hangUp();
        await udp.hungUp();
      }
    }
    const { answered, faults } = await load.finish();
    expect(faults).toEqual([]);
    for (const kind of ["REGISTER udp", "REGISTER tcp", "MESSAGE udp", "MESSAGE tcp"]) expect(answered[kind], kind).toBeGreaterThan(LEAST);
    expect(registers()).toEqual(sent);
    for (const page of [jssip, sipjs]) expect((await page.log()).filter((line) => /registered|connected/.test(line))).toHaveLength(2);
    expect(await stage.registrar.registered(users)).toEqual(before);
  });
});
