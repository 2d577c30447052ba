/** Flow tokens under attack (RFC 5626 5.2): every change is noticed, and outsiders never see one. */
import { createHmac, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Party } from "../support/party.js";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import { seeded } from "../support/prng.js";
import { userOf } from "../support/sip-message.js";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function tokenOf(value = ""): string {
  return userOf(value);
}

async function statusOf(C: Party, route: string, cseq: number): Promise<number> {
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: ${cseq} MESSAGE\nRoute: ${route}`);
  return (await C.next()).status;
}

for (const client of ["udp", "tcp"] as const) {
  test(`OB-5.2-1 OB-12-2 changing any character of a token gives 403 or, if it names the key, 430; ${client}`, async () => {
    const { U, C, core } = await cast({ client });
    const token = tokenOf((await register(U, C)).at(0));
    const random = seeded(7);
    let forged = 0;
    for (let at = 0; at < token.length; at += 1) {
      const other = ALPHABET[(ALPHABET.indexOf(token[at] ?? "") + 1 + random(63)) % 64] ?? "A";
      const status = await statusOf(C, `<sip:${token.slice(0, at)}${other}${token.slice(at + 1)}@${core};lr>`, at + 1);
      expect([403, 430], `position ${at}`).toContain(status);
      // The key id is in the first octet, so in the first two characters.
      if (at >= 2) expect(status, `position ${at}`).toBe(403);
      if (status === 403) forged += 1;
    }
    expect(forged).toBeGreaterThanOrEqual(token.length - 2);
    await U.nothing();
  });

  test(`OB-5.2-1 OB-5.2-7 every prefix and every extension of a token is refused, ${client}`, async () => {
    const { U, C, core } = await cast({ client });
    const token = tokenOf((await register(U, C)).at(0));
    for (let length = 24; length < token.length; length += 1) {
      expect(await statusOf(C, `<sip:${token.slice(0, length)}@${core};lr>`, length)).toBe(403);
    }
    for (const longer of [`${token}A`, `${token}AAAA`, token + token]) {
      expect(await statusOf(C, `<sip:${longer}@${core};lr>`, 500)).toBe(403);
    }
    await U.nothing();
  });

  test(`OB-5.2-7 a token in the other letter case is another token, ${client}`, async () => {
    const { U, C, core } = await cast({ client });
    const token = tokenOf((await register(U, C)).at(0));
    for (const cased of [token.toUpperCase(), token.toLowerCase()]) {
      expect([403, 430]).toContain(await statusOf(C, `<sip:${cased}@${core};lr>`, 1));
    }
    await U.nothing();
  });
}

test("OB-5.2-2 random tokens of the right length are never accepted", async () => {
  const { U, C, core } = await cast({ client: "tcp" });
  const token = tokenOf((await register(U, C)).at(0));
  for (let at = 1; at <= 2_000; at += 1) {
    // The key id is left correct, so that the MAC decides.
    const guess = token.slice(0, 2) + randomBytes(24).toString("base64url").slice(0, token.length - 2);
    expect(await statusOf(C, `<sip:${guess}@${core};lr>`, at)).toBe(403);
  }
  await U.nothing();
});

test("OB-5.2-7 garbage as a user part never delivers anything and does no harm", async () => {
  const { U, C, core } = await cast();
  await register(U, C);
  const users = ["a", "%00", "%zz", "%", "..", "a:b", "~".repeat(4_000), "A".repeat(4_000), "=".repeat(32), "%41".repeat(32), "ä".repeat(9)];
  for (const [at, user] of users.entries()) {
    const status = await statusOf(C, `<sip:${user}@${core};lr>`, at + 1);
    expect([400, 403, 404, 414, 513], user.slice(0, 20)).toContain(status);
  }
  await U.nothing();
});

test("OB-5.1-8 a token is short and fits in a user part without escapes", async () => {
  for (const [client, host, longest] of [["tcp", "127.0.0.1", 64], ["udp", "127.0.0.1", 64], ["udp", "::1", 96], ["tcp", "::1", 96]] as const) {
    const { U, C } = await cast({ client, host });
    for (const value of await register(U, C)) {
      expect(tokenOf(value)).toMatch(/^[A-Za-z0-9_-]+$/);
      expect(tokenOf(value).length).toBeLessThanOrEqual(longest);
    }
  }
});

test("OB-12-5 SA-16 no log line contains tokens, credentials or bodies", async () => {
  const { SUT, U, C, core } = await cast({ client: "tcp" });
  const path = await register(U, C);
  const tokens = path.map(tokenOf);
  await U.say("REGISTER sip:example.com SIP/2.0\nCall-ID: x\nAuthorization: Digest username=\"alice\", response=\"5ecre7\"\n\nbody5ecre7");
  await C.request("REGISTER");
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: <sip:${tokens[0]?.slice(0, -2)}AA@${core};lr>\n\nbody5ecre7`);
  await C.response(403);
  // A source is given one such line in a second, and the test before may have had it.
  await sleep(1_000);
  await U.send("garbage\r\nAuthorization: 5ecre7\r\n\r\n");
  await expect.poll(() => SUT.output).toContain("malformed message");
  await U.close();
  await C.settle();
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: 2 MESSAGE\nRoute: ${path.join(", ")}`);
  const refused = await C.response(430);
  for (const secret of [...tokens, "5ecre7"]) {
    expect(SUT.output).not.toContain(secret);
    if (secret !== "5ecre7") expect(refused.body).not.toContain(secret);
  }
});

test("DET-22 a hundred forged tokens are reported in a few lines", async () => {
  const { SUT, U, C, core } = await cast({ own: true });
  const token = tokenOf((await register(U, C)).at(0));
  const before = SUT.output.length;
  for (let at = 1; at <= 100; at += 1) {
    expect(await statusOf(C, `<sip:${token.slice(0, -3)}${at % 10}AA@${core};lr>`, at)).toBe(403);
  }
  await expect.poll(() => SUT.output.slice(before)).toMatch(/forged/i);
  expect(SUT.output.length - before).toBeLessThan(10_000);
});

test("OB-5.2-10 a UDP token older than SLUICE_UDP_TOKEN_DAYS is 430, a newer one leads to its flow; with the key one can make either", async () => {
  const key = randomBytes(32);
  const { U, C, core } = await cast({ client: "udp", settings: { SLUICE_FLOW_KEYS: `1:${key.toString("base64")}`, SLUICE_UDP_TOKEN_DAYS: "10" } });
  const octets = Buffer.from(tokenOf((await register(U, C)).at(0)), "base64url");
  // native/core/flow/flow_token.h: the side is a bit of octet 1, the birth in units of 16 s is in octets 3 to 5, the MAC in the last twelve.
  const isCore = ((octets[1] ?? 0) & 0x20) !== 0;
  const born = octets.readUIntBE(3, 3);
  const bornDaysBefore = (days: number): string => {
    const body = Buffer.from(octets.subarray(0, -12));
    body.writeUIntBE((born - (days * 86_400) / 16) & 0xffffff, 3, 3);
    body[1] = (body[1] ?? 0) & ~0x20;
    const mac = createHmac("sha256", key).update(body).digest().subarray(isCore ? 12 : 0);
    if (isCore) body[1] |= 0x20;
    return Buffer.concat([body, mac.subarray(0, 12)]).toString("base64url");
  };
  expect(await statusOf(C, `<sip:${bornDaysBefore(12)}@${core};lr>`, 1)).toBe(430);
  await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nCSeq: 2 MESSAGE\nRoute: <sip:${bornDaysBefore(8)}@${core};lr>`);
  await U.request("MESSAGE");
  await U.reply("200 OK");
  await C.response(200);
});
