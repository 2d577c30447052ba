/** REGISTER over sockets to the running program: digest, the rules of RFC 5626 6, kill -9, and two registrars on one Redis. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { authorization, hashOf, readChallenge } from "../support/digest-client.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import { RedisServer } from "../support/redis-server.js";

const QUERY = (user: string): string => `REGISTER sip:${DOMAIN} SIP/2.0\nFrom: <sip:${user}@${DOMAIN}>;tag=q\nTo: <sip:${user}@${DOMAIN}>\nCall-ID: query`;

test("D6 REG-3 REG-4 AU-1 AU-2 AU-9 a phone proves itself by SHA-256, and nobody can say it again", async () => {
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

test("OB-6-5 PATH-5.3-2 OB-12-6 behind an edge: Path with ob makes a flow, without it 439, and only an edge's Path is believed", async () => {
  const home = await Home.start({ SLUICE_EDGES: "127.0.0.2" });
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

test("REG-26 every REGISTER that was answered 200 is there after kill -9", async () => {
  const home = await Home.start();
  const phone = await home.phone("P");
  for (let user = 0; user < 200; user += 1) await home.register(phone, { user: `u${user}`, instance: instanceOf(`u${user}`) });
  await home.server.kill();
  await home.server.restart();
  for (let user = 0; user < 200; user += 1) {
    await phone.say(QUERY(`u${user}`));
    expect((await phone.response(200)).all("Contact")).toHaveLength(1);
  }
});

test("SA-5 REG-20 two registrars share a Redis; while it is away they answer 503, and they recover", async () => {
  const redis = await RedisServer.start();
  onTestFinished(() => redis.stop());
  const [one, other] = [await Home.start({ SLUICE_LOCATION: redis.url }), await Home.start({ SLUICE_LOCATION: redis.url })];
  const [phone, asker] = [await one.phone("P"), await other.phone("Q")];
  for (let user = 0; user < 100; user += 1) {
    await one.register(phone, { user: `u${user}` });
    await asker.say(QUERY(`u${user}`));
    expect((await asker.response(200)).all("Contact")).toHaveLength(1);
  }
  await redis.kill();
  await phone.say(one.registerOf(phone, { user: "late" }));
  expect(Number((await phone.response(503)).header("Retry-After"))).toBeGreaterThan(0);
  await redis.begin();
  await expect
    .poll(
      async () => {
        await phone.say(one.registerOf(phone, { user: "late" }));
        return (await phone.next()).status;
      },
      { timeout: 10_000, interval: 200 },
    )
    .toBe(200);
});
