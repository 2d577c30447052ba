/** Who may call through a server that knows its users (RFC 3261 22.3, 26.1): a trunk is for users and neighbours, not for strangers. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { answerChallenge } from "../../../src/phone/digest.js";
import type { Settings } from "../../support/edge.js";
import { DOMAIN, Home } from "../../support/home.js";
import type { Party } from "../../support/party.js";
import { freePort } from "../../support/ports.js";

const PSTN = "sip:+19005550100@pstn.example.net";
const STRANGER = "sip:x@evil.example.net";
const STRANGERS = [STRANGER, "sip:anonymous@anonymous.invalid", "tel:+49123"];
const MODES = ["standalone", "registrar"] as const;

function users(realms: Readonly<Record<string, readonly string[]>>): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-users-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "users");
  const lines = Object.entries(realms).flatMap(([realm, names]) =>
    names.map((user) => `${user}:${realm}:${createHash("sha256").update(`${user}:${realm}:secret`).digest("hex")}\n`));
  writeFileSync(file, lines.join(""));
  return `file:${file}`;
}

interface Stage {
  readonly home: Home;
  readonly trunk: Party;
}

/** A server whose upstream is a trunk. */
async function stage(settings: Settings): Promise<Stage> {
  const port = await freePort("127.0.0.5");
  const home = await Home.start({ SLUICE_UPSTREAM: `sip:127.0.0.5:${port}`, ...settings });
  return { home, trunk: await home.edge("trunk", "127.0.0.5", "udp", port) };
}

let calls = 0;

interface Call {
  readonly from: string;
  readonly to: string;
  readonly user?: string;
  readonly method?: string;
}

/** Sends a request, and again with credentials if it is challenged; returns the realm of the challenge. */
async function send(caller: Party, { from, to, user, method = "INVITE" }: Call): Promise<string | undefined> {
  const callId = `call-${(calls += 1)}@${caller.scene}`;
  const text = (cseq: number): string =>
    `${method} ${to} SIP/2.0\nCall-ID: ${callId}\nCSeq: ${cseq} ${method}\nFrom: <${from}>;tag=a\nTo: <${to}>\nContact: <sip:a@${caller.at}>`;
  await caller.say(text(1));
  if (user === undefined) return undefined;
  const challenge = (await caller.response(407)).header("Proxy-Authenticate");
  const answer = answerChallenge(challenge, method, to, { user, password: "secret" });
  await caller.say(`${text(2)}\nProxy-Authorization: ${answer}\nProxy-Authorization: Digest username="a", realm="elsewhere", nonce="n", uri="x", response="0"`);
  return /realm="([^"]*)"/.exec(challenge)?.[1];
}

async function isBusy(trunk: Party, caller: Party): Promise<void> {
  await trunk.reply("486 Busy Here");
  await trunk.request("ACK");
  await caller.response(486);
}

for (const mode of MODES) {
  test(`SA-17 ${mode}: a stranger does not reach the trunk, whatever name they use`, async () => {
    const { home, trunk } = await stage({ SLUICE_MODE: mode, SLUICE_AUTH: users({ [DOMAIN]: ["alice"] }) });
    const stranger = await home.phone("stranger");
    for (const method of ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS"]) {
      for (const from of [...STRANGERS, `sip:alice@${DOMAIN}`]) {
        for (const to of [PSTN, "tel:+19005550100"]) {
          await send(stranger, { from, to, method });
          await stranger.response(407);
        }
      }
    }
    await trunk.nothing();
  });

  test(`SA-17 ${mode}: without users, a stranger can call our users and nobody else`, async () => {
    const { home, trunk } = await stage({ SLUICE_MODE: mode });
    const stranger = await home.phone("stranger");
    for (const from of STRANGERS) {
      await send(stranger, { from, to: PSTN });
      await stranger.response(403);
      await send(stranger, { from, to: `sip:nobody@${DOMAIN}` });
      await stranger.response(480);
    }
    await trunk.nothing();
  });

  test(`AU-12 ${mode}: a user calls through the trunk, and the credentials stay here`, async () => {
    const { home, trunk } = await stage({ SLUICE_MODE: mode, SLUICE_AUTH: users({ [DOMAIN]: ["alice", "+49456"] }) });
    const alice = await home.phone("alice");
    for (const from of [`sip:alice@${DOMAIN}`, "tel:+49-123", "sip:anonymous@anonymous.invalid"]) {
      for (const to of [PSTN, "tel:+19005550100"]) {
        await send(alice, { from, to, user: "alice" });
        const invite = await trunk.request("INVITE");
        expect(invite.all("Proxy-Authorization")).toEqual([expect.stringContaining('realm="elsewhere"')]);
        await isBusy(trunk, alice);
      }
    }
    for (const from of ["sip:x@evil.example.net", "tel:+49456"]) {
      await send(alice, { from, to: PSTN, user: "alice" });
      await alice.response(403);
    }
    await trunk.nothing();
  });
}

test("REG-1 AU-4 a phone that knows only the server's address registers there with its password", async () => {
  const { home } = await stage({ SLUICE_AUTH: users({ [DOMAIN]: ["alice"] }) });
  const alice = await home.phone("alice");
  const uri = `sip:${home.at}`;
  const text = (cseq: number, callId: string): string =>
    `REGISTER ${uri} SIP/2.0\nCall-ID: ${callId}@${alice.scene}\nCSeq: ${cseq} REGISTER\nFrom: <sip:alice@${DOMAIN}>;tag=a\nTo: <sip:alice@${DOMAIN}>\nContact: <sip:alice@192.0.2.7>`;
  // Once on each path: the second time the password is known.
  for (const callId of ["first", "second"]) {
    await alice.say(text(1, callId));
    const challenge = (await alice.response(401)).header("WWW-Authenticate");
    await alice.say(`${text(2, callId)}\nAuthorization: ${answerChallenge(challenge, "REGISTER", uri, { user: "alice", password: "secret" })}`);
    expect((await alice.response(200)).all("Contact")).toHaveLength(1);
  }
});

test("a neighbour vouches for its callers, an edge does not for its clients", async () => {
  const { home, trunk } = await stage({ SLUICE_AUTH: users({ [DOMAIN]: ["alice"] }), SLUICE_EDGES: "127.0.0.2" });
  const edge = await home.edge("edge", "127.0.0.2");
  const bob = await home.phone("alice");
  for (const to of [PSTN, `sip:alice@${DOMAIN}`]) {
    await send(edge, { from: STRANGER, to });
    await edge.response(407);
  }
  await send(trunk, { from: STRANGER, to: `sip:alice@${DOMAIN}` });
  await trunk.response(480);
  await send(trunk, { from: `sip:alice@${DOMAIN}`, to: `sip:alice@${DOMAIN}` });
  await trunk.response(407);
  await bob.nothing();
});

test("strangers can ring phones only if SLUICE_FOREIGN_CALLERS allows it, and get no further", async () => {
  const auth = { SLUICE_AUTH: users({ [DOMAIN]: ["alice"] }) };
  for (const [setting, status] of [["challenge", 407], ["accept", 480]] as const) {
    const { home, trunk } = await stage({ ...auth, SLUICE_FOREIGN_CALLERS: setting });
    const stranger = await home.phone("stranger");
    for (const from of STRANGERS) {
      await send(stranger, { from, to: `sip:alice@${DOMAIN}` });
      await stranger.response(status);
      await send(stranger, { from, to: PSTN });
      await stranger.response(407);
    }
    await trunk.nothing();
  }
});

test("REG-4 a user of one domain is unknown in another, and known under the domain's aliases", async () => {
  const realms = { "one.example": ["ann"], "two.example": ["ann", "ben"] };
  const { home, trunk } = await stage({ SLUICE_DOMAINS: "one.example,two.example,sip.one.example=one.example", SLUICE_AUTH: users(realms) });
  const ann = await home.phone("ann");
  expect(await send(ann, { from: "sip:ann@sip.one.example", to: PSTN, user: "ann" })).toBe("one.example");
  await trunk.request("INVITE");
  await isBusy(trunk, ann);
  expect(await send(ann, { from: "sip:ben@two.example", to: PSTN, user: "ann" })).toBe("two.example");
  await ann.response(403);
  await trunk.nothing();
});

test("AU-12 our credentials in the ACK of a call stay here even on the fast path, and other realms' credentials pass", async () => {
  const { home } = await stage({ SLUICE_AUTH: users({ [DOMAIN]: ["alice"] }) });
  const [alice, bob] = [await home.phone("alice"), await home.phone("bob")];
  await send(bob, { from: `sip:alice@${DOMAIN}`, to: `sip:${DOMAIN}`, method: "REGISTER" });
  const asked = (await bob.response(401)).header("WWW-Authenticate");
  const proof = answerChallenge(asked, "REGISTER", `sip:${DOMAIN}`, { user: "alice", password: "secret" });
  await bob.say(`REGISTER sip:${DOMAIN} SIP/2.0\nCall-ID: r@${home.scene}\nFrom: <sip:alice@${DOMAIN}>;tag=b\nTo: <sip:alice@${DOMAIN}>\nContact: <sip:bob@${bob.at}>\nAuthorization: ${proof}`);
  await bob.response(200);
  await send(alice, { from: `sip:alice@${DOMAIN}`, to: `sip:alice@${DOMAIN}`, user: "alice" });
  const invite = await bob.request("INVITE");
  expect(invite.all("Proxy-Authorization")).toEqual([expect.stringContaining('realm="elsewhere"')]);
  await bob.reply("200 OK", `Contact: <sip:bob@${bob.at}>`);
  const ok = await alice.response(200);
  const routes = [...ok.all("Record-Route")].reverse().join(", ");
  const ours = `Digest username="alice", realm="${DOMAIN}", nonce="n", uri="sip:x", response="0", algorithm=MD5`;
  await alice.say(
    `ACK sip:bob@${bob.at} SIP/2.0\nCall-ID: ${ok.header("Call-ID")}\nFrom: ${ok.header("From")}\nTo: ${ok.header("To")}\nRoute: ${routes}\n` +
      `Proxy-Authorization: ${ours}\nAuthorization: ${ours}\nProxy-Authorization: ${ours.replace(DOMAIN, "elsewhere")}`,
  );
  const ack = await bob.request("ACK");
  expect([...ack.all("Proxy-Authorization"), ...ack.all("Authorization")]).toEqual([expect.stringContaining('realm="elsewhere"')]);
});
