/** Overheard credentials (RFC 7616 5.4, 5.5): useless anywhere, even to hijack a registration, although qop=auth does not cover Contact. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerChallenge } from "../../../src/phone/digest.js";
import type { Settings } from "../../support/edge.js";
import { DOMAIN, Home } from "../../support/home.js";
import type { Party } from "../../support/party.js";

function settings(): Settings {
  const folder = mkdtempSync(join(tmpdir(), "sluice-replay-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "users");
  writeFileSync(file, `bob:${DOMAIN}:${createHash("sha256").update(`bob:${DOMAIN}:secret`).digest("hex")}\n`);
  return { SLUICE_AUTH: `file:${file}`, SLUICE_STATE_DIR: join(folder, "state"), SLUICE_SHARDS: "4" };
}

let registers = 0;

async function register(party: Party, authorization?: string): Promise<void> {
  registers += 1;
  const lines = [
    `REGISTER sip:${DOMAIN} SIP/2.0`,
    `From: <sip:bob@${DOMAIN}>;tag=a`,
    `To: <sip:bob@${DOMAIN}>`,
    `Call-ID: ${registers}@${party.scene}`,
    `Contact: <sip:bob@${party.at}>`,
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
  ];
  await party.say(lines.join("\n"));
}

async function credentials(party: Party): Promise<string> {
  await register(party);
  return credentialsFor((await party.response(401)).header("WWW-Authenticate"));
}

function credentialsFor(challenge: string): string {
  return answerChallenge(challenge, "REGISTER", `sip:${DOMAIN}`, { user: "bob", password: "secret" }) ?? "";
}

test("AU-9 used credentials are refused on every shard, over every transport and after a restart", async () => {
  const options = settings();
  const home = await Home.start(options);
  const bob = await home.phone("bob", "tcp");
  const authorization = await credentials(bob);
  await register(bob, authorization);
  expect((await bob.response(200)).all("Contact")).toHaveLength(1);
  for (const transport of ["tcp", "udp"] as const) {
    for (let count = 0; count < 8; count += 1) {
      const thief = await home.phone(`thief${count}`, transport);
      await register(thief, authorization);
      expect((await thief.response(401)).header("WWW-Authenticate")).toContain("stale=true");
    }
  }
  await home.server.stop();
  const again = await Home.start(options);
  const thief = await again.phone("thief");
  await register(thief, authorization);
  expect((await thief.response(401)).header("WWW-Authenticate")).toContain("stale=true");
  // With the password, registering works.
  await register(thief, await credentials(thief));
  expect((await thief.response(200)).all("Contact")).toContainEqual(expect.stringContaining(thief.at));
});

test("AU-9 nodes that share a flow key answer each other's challenges behind a balancer, and accept each count once", async () => {
  const keys = { SLUICE_FLOW_KEYS: `1:${randomBytes(32).toString("base64")}` };
  const nodes = [await Home.start({ ...settings(), ...keys }), await Home.start({ ...settings(), ...keys })] as const;
  const at = [await nodes[0].phone("bob"), await nodes[1].phone("bob")] as const;
  const authorization = await credentials(at[0]);
  await register(at[1], authorization);
  await at[1].response(200);
  await register(at[1], authorization);
  let challenge = (await at[1].response(401)).header("WWW-Authenticate");
  expect(challenge).toContain("stale=true");
  // Whichever node the balancer chooses next, the response to a fresh challenge is accepted.
  for (const node of [0, 1, 1, 0, 1] as const) {
    await register(at[node], credentialsFor(challenge));
    await at[node].response(200);
    await register(at[node], credentialsFor(challenge));
    challenge = (await at[node].response(401)).header("WWW-Authenticate");
  }
  // A node that does not share the key challenges again.
  const stranger = await (await Home.start(settings())).phone("bob");
  await register(stranger, credentialsFor(challenge));
  expect((await stranger.response(401)).header("WWW-Authenticate")).toContain("stale=true");
});

test("AU-9 intercepted credentials are useless from another network", async () => {
  const home = await Home.start(settings());
  const authorization = await credentials(await home.phone("bob"));
  const thief = await home.edge("thief", "127.0.0.7");
  await register(thief, authorization);
  expect((await thief.response(401)).header("WWW-Authenticate")).toContain("stale=true");
});
