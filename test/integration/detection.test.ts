/** The truth table of outbound detection: there is a token exactly if all conditions hold (RFC 5626 5.1, 5.3.2). */
import { expect, test } from "vitest";
import { cast } from "../support/cast.js";
import { INSTANCE } from "../support/calls.js";
import { newBranch } from "../support/sip-text.js";

const BOTH = [false, true] as const;

test("DET-1 OB-5.3.2-1 OB-5.3.2-2 dialog-forming requests: method, number of Via values, ob in Route, ob in Contact", async () => {
  const { U, C, client } = await cast();
  let cseq = 0;
  for (const method of ["INVITE", "SUBSCRIBE", "REFER", "MESSAGE", "INFO"]) {
    for (const twoVias of BOTH) {
      for (const obInRoute of BOTH) {
        for (const obInContact of BOTH) {
          cseq += 1;
          const below = twoVias ? "\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbelow" : "";
          await U.say(`${method} sip:bob@example.com SIP/2.0
Via: SIP/2.0/UDP ${U.at};branch=${newBranch()};rport${below}
CSeq: ${cseq} ${method}
Route: <sip:${client};lr${obInRoute ? ";ob" : ""}>
Contact: <sip:U@${U.at}${obInContact ? ";ob" : ""}>`);
          const formsDialog = method !== "MESSAGE" && method !== "INFO";
          const expected = formsDialog && !twoVias && (obInRoute || obInContact);
          const what = JSON.stringify({ method, twoVias, obInRoute, obInContact });
          expect((await C.request(method)).all("Record-Route").length, what).toBe(expected ? 2 : 0);
        }
      }
    }
  }
});

test("DET-1 OB-5.1-1 OB-5.1-2 PATH-5.2-2 REGISTER: reg-id decides on outbound; every first-hop client gets a Path", async () => {
  const { U, C } = await cast();
  let cseq = 0;
  for (const twoVias of BOTH) {
    for (const regId of BOTH) {
      for (const supported of BOTH) {
        cseq += 1;
        const below = twoVias ? "\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKbelow" : "";
        await U.say(`REGISTER sip:example.com SIP/2.0
Via: SIP/2.0/UDP ${U.at};branch=${newBranch()};rport${below}
CSeq: ${cseq} REGISTER${supported ? "\nSupported: outbound, path" : ""}
Contact: <sip:U@${U.at}>;+sip.instance="${INSTANCE}"${regId ? ";reg-id=1" : ""}`);
        const path = (await C.request("REGISTER")).all("Path");
        const what = JSON.stringify({ twoVias, regId, supported });
        expect(path.length, what).toBe(twoVias ? 0 : 2);
        expect(path.every((value) => value.includes(";ob") === regId), what).toBe(true);
      }
    }
  }
});

test("DET-1 a flow that registered with outbound counts while it is alive, and only that flow", async () => {
  const { U, U2, C } = await cast({ client: "tcp" });
  await U.say(`REGISTER sip:example.com SIP/2.0\nContact: <sip:U@${U.at}>;reg-id=1;+sip.instance="${INSTANCE}"`);
  await C.request("REGISTER");
  await C.reply("200 OK");
  await U.response(200);
  await U.say(`INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U@${U.at}>`);
  expect((await C.request("INVITE")).all("Record-Route")).toHaveLength(2);
  await U2.say(`INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U2@${U2.at}>`);
  expect((await C.request("INVITE")).all("Record-Route")).toHaveLength(0);
});

test("DET-1 a refused REGISTER does not make its flow an outbound flow", async () => {
  const { U, C } = await cast({ client: "tcp" });
  await U.say(`REGISTER sip:example.com SIP/2.0\nContact: <sip:U@${U.at}>;reg-id=1;+sip.instance="${INSTANCE}"`);
  await C.request("REGISTER");
  await C.reply("403 Forbidden");
  await U.response(403);
  await U.say(`INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U@${U.at}>`);
  expect((await C.request("INVITE")).all("Record-Route")).toHaveLength(0);
});
