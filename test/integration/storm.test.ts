/** All phones come back at once: what the upstream cannot take waits in the edge, in order, and nothing that is under way is lost. */
import { expect, test } from "vitest";
import { cast } from "../support/cast.js";
import { register } from "../support/calls.js";
import type { Party, Received } from "../support/party.js";

/** An upstream gets so many REGISTERs before its first answer. */
const WINDOW = 64;

async function newcomers(from: Party, count: number, first = 0): Promise<void> {
  for (let at = first; at < first + count; at += 1) await from.say(registerOf(`new-${at}`, from));
}

function registerOf(user: string, from: Party, contact = ""): string {
  return `REGISTER sip:example.com SIP/2.0\nCall-ID: ${user}@${from.scene}\nTo: <sip:${user}@example.com>\nFrom: <sip:${user}@example.com>;tag=${user}\nContact: <sip:${user}@${from.at}${contact}>`;
}

/** What C has got, without an answer. */
async function waiting(C: Party, count: number): Promise<Received[]> {
  const all: Received[] = [];
  for (let at = 0; at < count; at += 1) {
    await C.request("REGISTER");
    all.push(C.last);
  }
  return all;
}

test.each(["udp", "tcp", "ws"] as const)("an upstream that does not answer gets a windowful, the rest waits over %s, and each answer lets one go, emergencies and registered phones first", async (client) => {
  const { U, U2, C } = await cast({ client, own: true });
  await register(U2, C);
  // An upstream that answers probes lives: after half a second what it has dropped would make room for others.
  C.answersProbes = false;
  await newcomers(U, WINDOW + 2);
  const asked = await waiting(C, WINDOW);
  await C.nothing();
  // These came last.
  await U2.say(registerOf("refresh", U2));
  await U2.say(registerOf("emergency", U2, ";sos"));
  await C.nothing();
  // A call does not wait.
  await U2.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U2@192.0.2.1>");
  await C.request("INVITE");
  await C.reply("486 Busy Here");
  await U2.response(486);
  const users: string[] = [];
  for (let at = 0; at < 4; at += 1) {
    await C.reply("200 OK", "", asked.shift());
    users.push((await C.request("REGISTER")).header("Call-ID").split("@", 1).join(""));
    asked.push(C.last);
  }
  expect(users).toEqual(["emergency", "refresh", `new-${WINDOW}`, `new-${WINDOW + 1}`]);
  for (const one of asked) await C.reply("200 OK", "", one);
  const answered = new Set<string>();
  for (let at = 0; at < WINDOW + 2; at += 1) answered.add((await U.response(200)).header("Call-ID"));
  expect(answered.size).toBe(WINDOW + 2);
  await U2.response(200);
  await U2.response(200);
});

test("a REGISTER that waits and is repeated over UDP goes to the upstream once, and the log says why", async () => {
  const { SUT, U, U2, C } = await cast({ client: "udp", own: true });
  await register(U2, C);
  C.answersProbes = false;
  await newcomers(U, WINDOW);
  const asked = await waiting(C, WINDOW);
  await U.say(`${registerOf("again", U)}\nVia: SIP/2.0/UDP ${U.at};branch=z9hG4bK-again`);
  await U.exactly(U.sent);
  await C.nothing();
  await expect.poll(() => SUT.output).toContain("REGISTERs wait");
  await C.reply("200 OK", "", asked.shift());
  await C.request("REGISTER");
  await C.reply("200 OK");
  for (const one of asked) await C.reply("200 OK", "", one);
  await C.nothing();
  for (let at = 0; at <= WINDOW; at += 1) await U.response(200);
  await U2.nothing();
});
