/** Digest authentication of callers by the home proxy (RFC 3261 22.3), and unknown users (16.5). */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerChallenge } from "../../../src/phone/digest.js";
import { DOMAIN, Home } from "../../support/home.js";
import type { Party } from "../../support/party.js";
import { SipMessage } from "../../support/sip-message.js";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A standalone server with alice, and bob, whose entry includes the domain. */
async function home(): Promise<Home> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "users");
  writeFileSync(file, ["alice", `bob@${DOMAIN}`].map((user) => `${user}:${DOMAIN}:${sha256(`${user}:${DOMAIN}:secret`)}\n`).join(""));
  return Home.start({ SLUICE_AUTH: `file:${file}` });
}

/** Calls, is challenged with 407, and calls again as alice. */
async function callAs(from: string, to: string, caller: Party, callId: string): Promise<void> {
  const uri = `sip:${to}@${DOMAIN}`;
  const invite = (cseq: number): string =>
    `INVITE ${uri} SIP/2.0\nCall-ID: ${callId}\nCSeq: ${cseq} INVITE\nFrom: <sip:${from}@${DOMAIN}>;tag=a\nContact: <sip:alice@${caller.at}>`;
  await caller.say(invite(1));
  const challenge = (await caller.response(407)).header("Proxy-Authenticate");
  expect(challenge).toContain(`realm="${DOMAIN}"`);
  const answer = answerChallenge(challenge, "INVITE", uri, { user: "alice", password: "secret" });
  await caller.say(`${invite(2)}\nProxy-Authorization: ${answer}`);
}

test("PX-16.5-5 an unknown user is 404, a user without bindings 480", async () => {
  const caller = await (await home()).phone("alice");
  await callAs("alice", "nobody", caller, `one@${caller.scene}`);
  await caller.response(404);
  for (const user of ["alice", "bob", "%62ob"]) {
    await callAs("alice", user, caller, `${user.replace("%", "")}@${caller.scene}`);
    await caller.response(480);
  }
});

test("a caller with alice's password cannot call as bob", async () => {
  const caller = await (await home()).phone("alice");
  await callAs("bob", "alice", caller, `other@${caller.scene}`);
  await caller.response(403);
});

test("AU-11 neither CANCEL nor ACK is ever challenged", async () => {
  const server = await home();
  const [caller, alice] = [await server.phone("alice"), await server.phone("other")];
  const register = (cseq: number): string =>
    `REGISTER sip:${DOMAIN} SIP/2.0\nCall-ID: r@${alice.scene}\nCSeq: ${cseq} REGISTER\nFrom: <sip:alice@${DOMAIN}>;tag=a\nTo: <sip:alice@${DOMAIN}>\nContact: <sip:alice@${alice.at}>`;
  await alice.say(register(1));
  const challenge = (await alice.response(401)).header("WWW-Authenticate");
  const answer = answerChallenge(challenge, "REGISTER", `sip:${DOMAIN}`, { user: "alice", password: "secret" });
  await alice.say(`${register(2)}\nAuthorization: ${answer}`);
  await alice.response(200);

  await callAs("alice", "alice", caller, `ring@${caller.scene}`);
  const invite = new SipMessage(caller.sent);
  await alice.request("INVITE");
  const ringing = alice.last;
  await alice.reply("180 Ringing");
  await caller.response(180);
  const same = ["Via", "From", "To", "Call-ID"].map((name) => `${name}: ${invite.header(name)}`).join("\n");
  await caller.say(`CANCEL sip:alice@${DOMAIN} SIP/2.0\n${same}\nCSeq: 2 CANCEL`);
  await caller.response(200);
  await alice.request("CANCEL");
  await alice.reply("200 OK");
  await alice.reply("487 Request Terminated", "", ringing);
  const ended = await caller.response(487);
  await caller.say(`ACK sip:alice@${DOMAIN} SIP/2.0\n${same.replace(/^To: .*$/m, `To: ${ended.header("To")}`)}\nCSeq: 2 ACK`);
  await alice.request("ACK");

  // Not even those that match no transaction are challenged.
  await caller.say(`CANCEL sip:alice@${DOMAIN} SIP/2.0\nFrom: <sip:alice@${DOMAIN}>;tag=a`);
  await caller.response(481);
  await caller.say(`ACK sip:alice@${DOMAIN} SIP/2.0\nFrom: <sip:alice@${DOMAIN}>;tag=a\nTo: <sip:alice@${DOMAIN}>;tag=b`);
  await alice.request("ACK");
  await caller.nothing();
});
