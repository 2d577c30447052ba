/** Transactions of the object path in the process that takes over. */
import { expect, test } from "vitest";
import { SipMessage } from "../../../src/sip/message.js";
import type { Outlet, Payer, Sender } from "../../../src/transaction/hop.js";
import type { MovingTransactions } from "../../../src/transaction/moving.js";
import { TransactionTable, serverKey } from "../../../src/transaction/table.js";
import { timerTable } from "../../../src/transaction/timers.js";

const PAYER: Payer = { address: "192.0.2.1", isExempt: false };
const SENDER: Sender = { address: "192.0.2.1", port: 5060, flow: "u/a", answerFlow: "u/b", fromCore: false };

class Process {
  readonly sent: string[] = [];
  retransmissions = 0;
  readonly table: TransactionTable;
  #tags = 0;

  constructor() {
    const outlet: Outlet = {
      isReliable: () => false,
      isReliableFlow: () => false,
      send: (_hop, octets) => {
        this.sent.push(Buffer.from(octets).toString("latin1"));
        return "u/c";
      },
      answer: (flow, octets) => void this.sent.push(`${flow} ${Buffer.from(octets).toString("latin1")}`),
    };
    this.table = new TransactionTable({ outlet, timers: timerTable(500, 32), port: { reserve: () => 1, release: () => undefined }, most: 100, keepSeconds: 30, newTag: () => `tag${(this.#tags += 1)}`, onRetransmission: () => (this.retransmissions += 1) });
  }

  /** As over a channel. */
  next(): Process {
    const next = new Process();
    next.table.goOn(JSON.parse(JSON.stringify(this.table.moving())) as MovingTransactions);
    this.table.drop();
    return next;
  }
}

function request(method: string, branch: string): SipMessage {
  const lines = [`${method} sip:bob@example.com SIP/2.0`, `Via: SIP/2.0/UDP h;branch=z9hG4bK${branch}`, "From: <sip:a@h>;tag=1", "To: <sip:b@h>", "Subject: \u00e9", `Call-ID: ${branch}`, `CSeq: 1 ${method}`, "", "b\u00ffdy"];
  return new SipMessage(Buffer.from(lines.join("\r\n"), "latin1"));
}

function open(process: Process, message: SipMessage): string {
  const key = serverKey(message, message.method, SENDER);
  process.table.newServerTransaction(key, message, SENDER, PAYER, 0);
  return key;
}

test("a request that waits is still known, keeps its octets and its To tag, and is answered where it came from", () => {
  const before = new Process();
  const message = request("INVITE", "one");
  const key = open(before, message);
  const after = before.next();
  expect(before.table.open).toBe(0);
  expect(after.sent).toEqual([]);
  const [[, server] = []] = after.table.opened;
  expect(Buffer.from(server?.request.octets ?? []).equals(message.octets)).toBe(true);
  expect(after.table.takesRetransmission(key)).toBe(true);
  expect(after.sent.splice(0)).toEqual([expect.stringMatching(/^u\/b SIP\/2\.0 100 /)]);
  server?.respond({ status: 486, headers: [] });
  expect(after.sent).toEqual([expect.stringMatching(/^u\/b SIP\/2\.0 486 [^]*tag=tag1/)]);
});

test("a refusal is repeated until its ACK comes; an accepted call lets further 2xx pass; and so after two hand-overs", () => {
  const before = new Process();
  const refused = open(before, request("INVITE", "refused"));
  const accepted = open(before, request("INVITE", "accepted"));
  for (const [key, server] of before.table.opened) server.respond({ status: key === refused ? 404 : 200, headers: [] });
  const after = before.next().next();
  expect(after.table.takesRetransmission(refused)).toBe(true);
  expect(after.table.takesRetransmission(accepted)).toBe(true);
  expect(after.sent).toEqual([expect.stringContaining("SIP/2.0 404 ")]);
  expect(after.table.acknowledge(refused)).toBe(true);
  expect(after.table.acknowledge(accepted)).toBe(false);
});

test("what was answered a moment ago is answered again", () => {
  const before = new Process();
  const key = open(before, request("MESSAGE", "three"));
  before.table.opened[0]?.[1].respond({ status: 200, headers: [] });
  const after = before.next();
  expect(after.table.takesRetransmission("another")).toBe(false);
  expect(after.retransmissions).toBe(0);
  expect(after.table.takesRetransmission(key)).toBe(true);
  expect(after.retransmissions).toBe(1);
  expect(after.sent).toEqual([expect.stringMatching(/^u\/b SIP\/2\.0 200 /)]);
});

test("RFC 3261 8.2.7 the ACK of a stateless challenge is recognised by its tag", () => {
  const before = new Process();
  const key = open(before, request("INVITE", "four"));
  const tag = before.table.statelessTag(key);
  expect(before.next().table.statelessTag(key)).toBe(tag);
});
