/** Flow-Timer supervision (RFC 5626 5.4): a flow is dead Flow-Timer plus 5 seconds after its last sign of life. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Party } from "../support/party.js";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import { TcpConnection } from "../support/tcp-connection.js";

const settings = { SLUICE_FLOW_TIMER: "1" };
const REQUIRED = "Require: outbound";
const WITHIN_GRACE = 3_000;
const DEAD = 9_000;

const message = (path: readonly string[], cseq: number): string =>
  `MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: ${cseq} MESSAGE\nRoute: ${path.join(", ")}`;

async function keepAlive(U: Party, sign: string, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 2) {
    await sleep(2_000);
    await U.send(sign);
  }
}

describe.concurrent("a flow with Flow-Timer 1", () => {
  for (const client of ["udp", "tcp"] as const) {
    test(`OB-5.4-12 OB-5.4-14 lives through the grace and is 430 after it, ${client}`, async ({ onTestFinished }) => {
      const { U, C } = await cast({ client, settings }, onTestFinished);
      const path = await register(U, C, 1, REQUIRED);
      await sleep(WITHIN_GRACE);
      await C.say(message(path, 1));
      await U.request("MESSAGE");
      await sleep(DEAD);
      C.forget();
      await C.say(message(path, 2));
      await C.response(430);
    });
  }

  test("OB-5.4-14 TR-20 the connection of an expired flow is closed", async ({ onTestFinished }) => {
    const { U, C } = await cast({ client: "tcp", settings }, onTestFinished);
    await register(U, C, 1, REQUIRED);
    if (!(U.wire instanceof TcpConnection)) throw new Error("a connection was asked for");
    await U.wire.expectClosed(15_000);
  });

  test("OB-5.4-14 packets do not revive an expired UDP flow, a new REGISTER creates a new one", async ({ onTestFinished }) => {
    const { U, C } = await cast({ settings }, onTestFinished);
    const path = await register(U, C, 1, REQUIRED);
    await sleep(DEAD);
    await U.send("\r\n\r\n");
    await U.settle();
    await C.say(message(path, 1));
    await C.response(430);
    const fresh = await register(U, C, 1, REQUIRED);
    expect(fresh.at(-1)).not.toBe(path.at(-1));
    await C.say(message(fresh, 2));
    await U.request("MESSAGE");
    await C.say(message(path, 3));
    await C.response(430);
  });

  test("OB-5.4-13 OB-4.4-2 pings on a connection keep it alive", async ({ onTestFinished }) => {
    const { U, C } = await cast({ client: "tcp", settings }, onTestFinished);
    const path = await register(U, C, 1, REQUIRED);
    await keepAlive(U, "\r\n\r\n", 12);
    for (let second = 0; second < 12; second += 2) await U.pong();
    await C.say(message(path, 1));
    await U.request("MESSAGE");
  });

  test("OB-5.4-13 OB-4.4-4 CRLF datagrams keep a UDP flow alive", async ({ onTestFinished }) => {
    const { U, C } = await cast({ settings }, onTestFinished);
    const path = await register(U, C, 1, REQUIRED);
    await keepAlive(U, "\r\n\r\n", 12);
    await C.say(message(path, 1));
    await U.request("MESSAGE");
  });

  test("OB-5.4-13 OB-8-10 STUN requests keep a UDP flow alive", async ({ onTestFinished }) => {
    const { U, C } = await cast({ settings }, onTestFinished);
    const path = await register(U, C, 1, REQUIRED);
    const binding = `\x00\x01\x00\x00\x21\x12\xa4\x42${"t".repeat(12)}`;
    await keepAlive(U, binding, 12);
    for (let second = 0; second < 12; second += 2) expect((await U.next()).text.slice(0, 2)).toBe("\x01\x01");
    await C.say(message(path, 1));
    await U.request("MESSAGE");
  });

  for (const client of ["udp", "tcp"] as const) {
    test(`OB-5.4-13 a process that was stopped reads the pings that arrived meanwhile before it judges, ${client}`, async ({ onTestFinished }) => {
      const { SUT, U, C } = await cast({ process: true, client, settings }, onTestFinished);
      const path = await register(U, C, 1, REQUIRED);
      SUT.signal("SIGSTOP");
      await keepAlive(U, "\r\n\r\n", 8);
      SUT.signal("SIGCONT");
      if (client === "tcp") for (let ping = 0; ping < 4; ping += 1) await U.pong();
      await sleep(3_000);
      await C.say(message(path, 1));
      await U.request("MESSAGE");
    });
  }

  test("OB-5.4-13 SIP messages keep a flow alive", async ({ onTestFinished }) => {
    const { U, C } = await cast({ client: "tcp", settings }, onTestFinished);
    const path = await register(U, C, 1, REQUIRED);
    for (let second = 0; second < 12; second += 2) {
      await sleep(2_000);
      await U.settle();
    }
    await C.say(message(path, 1));
    await U.request("MESSAGE");
  });

  test("KP-3 a refresh without keep ends the supervision that keep had started", async ({ onTestFinished }) => {
    const { U, C } = await cast({ settings }, onTestFinished);
    const refresh = async (cseq: number, keep: string): Promise<readonly string[]> => {
      const contact = 'Contact: <sip:U@192.0.2.1>;reg-id=1;+sip.instance="<urn:uuid:0>"';
      await U.say(`REGISTER sip:example.com SIP/2.0\nCSeq: ${cseq} REGISTER\nVia: SIP/2.0/UDP ${U.at};branch=z9hG4bKkeep${cseq};rport${keep}\n${contact}`);
      const path = (await C.request("REGISTER")).all("Path");
      await C.reply("200 OK");
      await U.response(200);
      return path;
    };
    await refresh(1, ";keep");
    const path = await refresh(2, "");
    await sleep(DEAD);
    await C.say(message(path, 1));
    await U.request("MESSAGE");
  });

  test("OB-5.4-10 OB-5.4-12 a flow whose registrar did not require outbound is not supervised", async ({ onTestFinished }) => {
    const { U, C } = await cast({ settings }, onTestFinished);
    const path = await register(U, C);
    await sleep(DEAD);
    await C.say(message(path, 1));
    await U.request("MESSAGE");
  });
});
