/** REGISTER over sockets to the running program: digest, the rules of RFC 5626 6, and kill -9. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Asker, manyTimes } from "../support/asker.js";
import { often } from "../support/often.js";
import { authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";

const QUERY = (user: string): string => `REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:${user}@${DOMAIN}>;tag=q\nTo: <sip:${user}@${DOMAIN}>\nCall-ID: query`;

test("D6 REG-3 REG-4 AU-1 AU-2 AU-9 a phone authenticates with SHA-256, and nobody can replay it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users");
  writeFileSync(file, ["MD5", "SHA-256"].map((algorithm) => `bob:${DOMAIN}:${hashOf(algorithm, `bob:${DOMAIN}:secret`)}\n`).join(""));
  const home = await Home.start({ SLUICE_AUTH: `file:${file}` });
  const bob = await home.phone("bob", "tcp");
  const request = home.registerOf(bob, { instance: instanceOf("bob") });
  await bob.say(request);
  const challenges = (await bob.response(401)).all("WWW-Authenticate").map(readChallenge);
  expect(challenges.map(({ algorithm }) => algorithm)).toEqual(["SHA-256", "MD5"]);
  const [challenge] = challenges;
  if (challenge === undefined) throw new Error("a challenge");
  const header = authorization(challenge, { user: "bob", password: "secret", method: "REGISTER", uri: `sip:${DOMAIN}` });
  await bob.say(`${request}\nAuthorization: ${header}\nCSeq: 2 REGISTER`);
  expect((await bob.response(200)).header("Require")).toBe("outbound");
  await bob.say(`${request}\nAuthorization: ${header}\nCSeq: 3 REGISTER`);
  expect((await bob.response(401)).header("WWW-Authenticate")).toContain("stale=true");
});

test("OB-6-5 PATH-5.3-2 OB-12-6 behind an edge: a Path with ob makes a flow, without it 439, and only an edge's Path is trusted", async () => {
  const home = await Home.shared({ SLUICE_EDGES: "127.0.0.2" });
  const edge = await home.edge("E1", "127.0.0.2");
  const answer = await home.registerBehind(edge, "bob", { instance: instanceOf("bob"), path: "<sip:T%6fk@edge.example;lr;OB>" });
  expect(answer.header("Require")).toBe("outbound");
  expect(answer.header("Path")).toBe("<sip:T%6fk@edge.example;lr;OB>");
  await edge.say(home.registerBehindOf(edge, "bob", { instance: instanceOf("bob"), regId: 2, path: "<sip:tok@edge.example;lr>" }));
  await edge.response(439);
  const stranger = await home.phone("M", "tcp");
  await stranger.say(home.registerOf(stranger, { user: "bob", instance: instanceOf("M"), path: "<sip:stolen@edge.example;lr;ob>" }));
  await stranger.response(403);
  await edge.say(QUERY("bob"));
  expect((await edge.response(200)).all("Contact")).toHaveLength(1);
});

test("REG-26 kill -9 amid thousands of REGISTERs: each one answered with 200 is there after the restart", { timeout: 120_000 }, async () => {
  const home = await Home.spawn({ SLUICE_SHARDS: "2" });
  const asker = await Asker.open(home.scene);
  onTestFinished(() => asker.close());
  const answered: string[] = [];
  for (const killedAt of [often(1_500), often(4_000)]) {
    let isDead = false;
    await manyTimes(often(5_000), 64, async (at) => {
      if (isDead) return;
      const user = `u${killedAt}-${at}`;
      const contact = `Contact: <sip:${user}@192.0.2.7>;reg-id=1;+sip.instance="<${instanceOf(user)}>"`;
      const response = await asker.ask(`${QUERY(user)}-${user}\nSupported: outbound\n${contact}`, home.port, 2_000);
      if (response?.status === 200) answered.push(user);
      if (answered.length < killedAt || isDead) return;
      isDead = true;
      await home.server.kill();
    });
    await home.server.restart();
    const lost: string[] = [];
    await manyTimes(answered.length, 64, async (at) => {
      const user = answered[at] ?? "";
      const response = await asker.ask(`${QUERY(user)}-again-${killedAt}`, home.port);
      if (response?.all("Contact").length !== 1) lost.push(user);
    });
    expect(lost).toEqual([]);
    expect(answered.length).toBeGreaterThanOrEqual(killedAt);
  }
});
