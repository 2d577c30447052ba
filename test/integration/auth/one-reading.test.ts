/** A request that the server cannot read is 400, never someone else's: nobody evades the challenge by writing an address oddly. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerChallenge } from "../../../src/phone/digest.js";
import { DOMAIN, Home } from "../../support/home.js";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

test("PX-16.3-1 AU-11 no spelling of alice's address lets a stranger call as alice", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "users");
  writeFileSync(file, ["alice", "bob"].map((user) => `${user}:${DOMAIN}:${sha256(`${user}:${DOMAIN}:secret`)}\n`).join(""));
  const home = await Home.start({ SLUICE_AUTH: `file:${file}` });
  const [bob, stranger] = [await home.phone("bob", "tcp"), await home.phone("M")];
  const register = home.registerOf(bob);
  await bob.say(register);
  const challenge = (await bob.response(401)).header("WWW-Authenticate");
  const credentials = answerChallenge(challenge, "REGISTER", `sip:${DOMAIN}`, { user: "bob", password: "secret" });
  await bob.say(`${register}\nCSeq: 2 REGISTER\nAuthorization: ${credentials}`);
  await bob.response(200);
  const alice = `sip:alice@${DOMAIN}`;
  const ways = [
    `<${alice}>;tag=a;x=1;x=2`,
    `<${alice};a=1;a=2>;tag=a`,
    `<${alice};a:b=1>;tag=a`,
    `<${alice};a/b>;tag=a`,
    `<${alice};+a>;tag=a`,
    `<${alice};&=1>;tag=a`,
    `<${alice}.>;tag=a`,
    `<sip:alice@${DOMAIN.toUpperCase()}>;tag=a`,
    `<sip:alice@%65xample.com>;tag=a`,
    `<sip:alice:@${DOMAIN}>;tag=a`,
    `<sip:%61lice@${DOMAIN}?a=b>;tag=a`,
    `"<sip:x@elsewhere.test>" <${alice}>;tag=a`,
    `alice <${alice}>;tag=a;x="<sip:x@elsewhere.test>"`,
    `${alice};tag=a;x="@elsewhere.test"`,
    `<${alice}>;tag=a;x=[1]`,
    `<${alice}>;tag=a;x=a:b;y=[`,
    `<sips:alice@${DOMAIN}>;tag=a`,
  ];
  for (const [at, from] of ways.entries()) {
    await stranger.say(`MESSAGE sip:bob@${DOMAIN} SIP/2.0\nCall-ID: way-${at}@${stranger.scene}\nFrom: ${from}`);
    const { status } = await stranger.next();
    expect([400, 403, 407], from).toContain(status);
    await stranger.say(`ACK sip:bob@${DOMAIN} SIP/2.0\nCall-ID: ack-${at}@${stranger.scene}\nFrom: ${from}\nTo: <sip:bob@${DOMAIN}>;tag=b\nRoute: <sip:x@elsewhere.test;lr;lr>`);
  }
  await stranger.nothing();
  await bob.nothing();
});
