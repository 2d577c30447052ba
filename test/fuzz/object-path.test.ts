/** REGISTER, calls and credentials through the registrar, the home proxy and authentication: never throws, never takes long, always answers. */
import { expect, test } from "vitest";
import { SipMessage } from "../../src/sip/message.js";
import { cpuTime } from "../support/cpu-time.js";
import { FUZZ_TIMEOUT, fuzz } from "../support/fuzzing.js";
import { ObjectStage, type Sender } from "../support/object-stage.js";

const SENDERS: readonly Sender[] = ["alice", "bob", "edge"];
/** Milliseconds of CPU for the first turn of a message, which may include a garbage collection. */
const MAX = 200;
/** The registrar commits in batches, so a response takes a moment; nothing takes this long. */
const PATIENCE = 5_000;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test.each([false, true])("GR-41 every request is answered or forwarded, authentication: %s", { timeout: FUZZ_TIMEOUT }, async (auth) => {
  const stage = await ObjectStage.open(auth);
  const waiting = new Map<string, string>();
  const transactions = new Set<string>();
  const keyOf = (message: SipMessage): string => `${message.callId} ${message.cseq.number} ${message.cseq.method}`;
  const hear = (): void => {
    // The callee must answer a forwarded copy.
    for (const message of [...stage.answers.splice(0), ...stage.copies.splice(0)]) waiting.delete(keyOf(message));
  };
  let taken = 0;
  const count = await fuzz(async (octets) => {
    const sender = SENDERS[octets.length % SENDERS.length] ?? "alice";
    const message = new SipMessage(octets);
    let isTaken = false;
    const time = cpuTime(() => (isTaken = stage.take(octets, sender)));
    expect(time).toBeLessThan(MAX);
    if (isTaken && message.isRequest && message.method !== "ACK") {
      // RFC 3261 17.2.3: with the same branch it is a repetition, whatever else differs.
      const transaction = `${sender} ${message.via?.branch} ${message.cseq.method}`;
      if (!transactions.has(transaction)) waiting.set(keyOf(message), octets.toString("latin1"));
      transactions.add(transaction);
    }
    if (isTaken) taken += 1;
    await settled();
    hear();
    expect(stage.faults).toEqual([]);
  });
  await expect.poll(() => (hear(), [...waiting.values()]), { timeout: PATIENCE }).toEqual([]);
  expect(stage.faults).toEqual([]);
  expect(taken).toBeGreaterThan(count / 20);
  await stage.close();
});
