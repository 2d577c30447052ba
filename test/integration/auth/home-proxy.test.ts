/** Digest authentication of callers by the home proxy (RFC 3261 22.3), and users whom nobody knows (16.5). */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerChallenge } from "../../../src/phone/digest.js";
import { DOMAIN, Home } from "../../support/home.js";
import type { Party } from "../../support/party.js";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A standalone server with alice, and bob, who is written with his domain. */
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

test("PX-16.5-5 a user whom nobody knows is 404, one without bindings 480", async () => {
  const caller = await (await home()).phone("alice");
  await callAs("alice", "nobody", caller, `one@${caller.scene}`);
  await caller.response(404);
  for (const user of ["alice", "bob", "%62ob"]) {
    await callAs("alice", user, caller, `${user.replace("%", "")}@${caller.scene}`);
    await caller.response(480);
  }
});

test("a caller with alice's password is not let call as bob", async () => {
  const caller = await (await home()).phone("alice");
  await callAs("bob", "alice", caller, `other@${caller.scene}`);
  await caller.response(403);
});

test("AU-11 neither CANCEL nor ACK is ever challenged", async () => {
  const server = await home();
  const [caller, alice] = [await server.phone("alice"), await server.phone("other")];
  await caller.say(`CANCEL sip:alice@${DOMAIN} SIP/2.0\nFrom: <sip:alice@${DOMAIN}>;tag=a`);
  await caller.response(481);
  await caller.say(`ACK sip:alice@${DOMAIN} SIP/2.0\nFrom: <sip:alice@${DOMAIN}>;tag=a\nTo: <sip:alice@${DOMAIN}>;tag=b`);
  await caller.nothing();
  await alice.nothing();
});
