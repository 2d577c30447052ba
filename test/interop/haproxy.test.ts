/**
 * A phone behind HAProxy, which speaks for it with version 2 PROXY headers.
 *
 * Needs: kamailio, haproxy
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { INSTANCE } from "../support/calls.js";
import { Party } from "../support/party.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { Haproxy } from "./support/haproxy.js";
import { testWith } from "../support/test-with.js";
import { Stage } from "./support/stage.js";

const test = testWith("kamailio", "haproxy");

// Different from the balancer's address, so that the two can be distinguished.
const PHONE = "127.0.0.9";

describe("a phone behind HAProxy", () => {
  const stage = new Stage({ proxied: "tcp" });
  let phone: Party;

  beforeAll(async () => {
    await stage.open();
    const { port } = stage.with(await Haproxy.start(stage.proxied));
    phone = new Party("phone", stage.proxied, "interop", new Set());
    const connection = await TcpConnection.open({ host: "127.0.0.1", port }, phone.receive, { localHost: PHONE });
    stage.with({ stop: () => connection.close() });
    phone.attach(connection);
  });
  afterAll(() => stage.close());

  test("DET-23 TR-2 OB-5.1-3 registers, and the edge names the phone's own address, not the balancer's", async () => {
    await phone.say(`REGISTER sip:example.com SIP/2.0
To: <sip:phone@example.com>
Supported: path, outbound
Contact: <sip:phone@${phone.at}>;reg-id=1;+sip.instance="${INSTANCE}"`);
    const ok = await phone.response(200);
    expect(ok.header("Require")).toContain("outbound");
    expect(ok.header("Via")).toContain(`rport=${phone.wire.port};received=${PHONE}`);
  });

  test("DET-23 OB-5.3.1-1 is called over the connection that the balancer holds", async () => {
    const caller = await stage.coreParty("registrar");
    await caller.say("MESSAGE sip:phone@example.com SIP/2.0\nTo: <sip:phone@example.com>");
    await phone.request("MESSAGE");
    await phone.reply("200 OK");
    await caller.response(200);
  });
});
