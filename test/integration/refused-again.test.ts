/** A REGISTER that was refused and comes again (RFC 3261 17.2.2): by numbers as by objects it is refused again, whatever has changed since. */
import { expect, onTestFinished, test } from "vitest";
import { DOMAIN, HOME, joinAll, manner } from "../support/home-traffic.js";
import { exactly } from "../support/sip-text.js";
import { type Twin, Twins } from "../support/twins.js";

/** The least that can be configured. */
const ROOM = 100;

/** Each user is behind the edge at an address of his own, so that none uses up the share of a source. */
function register(user: number, transaction: string, contact = `<sip:u${user}@192.0.2.7>`): string {
  const via = `Via: SIP/2.0/UDP {me};branch=z9hG4bK-twin-${transaction}\nVia: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-twin-${transaction}x;received=10.0.${user >> 8}.${user & 255};rport=4711`;
  const parties = `From: <sip:u${user}@${DOMAIN}>;tag=f\nTo: <sip:u${user}@${DOMAIN}>\nCall-ID: c-${user}\nCSeq: ${transaction.split("-").at(-1)} REGISTER`;
  return exactly(`REGISTER sip:${DOMAIN} SIP/2.0\n${via}\nMax-Forwards: 70\n${parties}\nSupported: path\nPath: <sip:t1@{edge};lr>\nContact: ${contact}\nContent-Length: 0`);
}

/** How often the transaction was answered so. */
function answers(twin: Twin, transaction: string, status: number): number {
  return twin.trace.filter((text) => text.includes(" hears\n") && text.includes(`SIP/2.0 ${status} `) && new RegExp(`branch=z9hG4bK-twin-${transaction}(?![\\w-])`).test(text)).length;
}

test("TX-8 REG-15 a REGISTER for which there was no room gets 503 each time it comes again, when there is room as well; its next transaction is decided anew", async () => {
  const twins = await Twins.open({ ...HOME, SLUICE_MAX_BINDINGS: String(ROOM) }, manner);
  onTestFinished(() => twins.close());
  await joinAll(twins);
  const say = (script: string): Promise<void> => twins.say("edge", script, script);
  for (let user = 0; user < ROOM; user += 1) await say(register(user, `in-${user}-1`));
  const late = register(ROOM, "late-1");
  await say(late);
  for (const twin of twins.both) expect(answers(twin, "late-1", 503)).toBe(1);
  await say(register(0, "out-2", "<sip:u0@192.0.2.7>;expires=0"));
  await say(late);
  // Also after the second in which objects decide on everything, so that the operator hears of it.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await say(late);
  for (const twin of twins.both) expect(answers(twin, "late-1", 503), twin === twins.numbers ? "numbers" : "objects").toBe(3);
  await say(register(ROOM, "late-2"));
  for (const twin of twins.both) expect(answers(twin, "late-2", 200)).toBe(1);
});
