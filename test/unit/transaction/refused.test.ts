/** What is left of an INVITE that was refused: its ACK, for as long as the refusal may come again. */
import { expect, test } from "vitest";
import { SipMessage } from "../../../src/sip/message.js";
import type { Hop, Outlet, Sender } from "../../../src/transaction/hop.js";
import { TransactionTable } from "../../../src/transaction/table.js";
import { timerTable } from "../../../src/transaction/timers.js";

const CALLEE: Sender = { address: "192.0.2.7", port: 5060, flow: "u/callee", answerFlow: "u/callee", fromCore: false };
const STRANGER: Sender = { ...CALLEE, address: "192.0.2.8", flow: "u/stranger", answerFlow: "u/stranger" };
const HOP: Hop = { kind: "flow", flow: "u/callee" };

function tableOver(isReliable: boolean): { readonly table: TransactionTable; readonly sent: string[]; readonly released: number[] } {
  const [sent, released]: [string[], number[]] = [[], []];
  const outlet: Outlet = {
    isReliable: () => isReliable,
    isReliableFlow: () => isReliable,
    send: (hop, octets) => {
      sent.push(`${JSON.stringify(hop)} ${Buffer.from(octets).toString("latin1").split(" ")[0]}`);
      return "u/callee";
    },
    answer: () => undefined,
  };
  const port = { reserve: () => 7, release: (place: number) => void released.push(place) };
  const table = new TransactionTable({ outlet, timers: timerTable(500, 32), port, most: 100, keepSeconds: 30, newTag: () => "tag", onRetransmission: () => undefined });
  return { table, sent, released };
}

function textOf(first: string, method: string): Buffer {
  const lines = [first, "Via: SIP/2.0/UDP h;branch=z9hG4bKone", "From: <sip:a@h>;tag=1", "To: <sip:b@h>;tag=2", "Call-ID: one", `CSeq: 1 ${method}`, "Content-Length: 0", "", ""];
  return Buffer.from(lines.join("\r\n"), "latin1");
}

function ask(table: TransactionTable, method: string): { readonly heard: number[] } {
  const heard: number[] = [];
  const user = { onResponse: ({ status }: SipMessage) => void heard.push(status), onFailure: () => void heard.push(0) };
  const made = table.newClientTransaction("z9hG4bKone", method, textOf(`${method} sip:bob@example.com SIP/2.0`, method), HOP, user, { address: "192.0.2.1", isExempt: false });
  expect(typeof made).toBe("object");
  return { heard };
}

const answer = (status: number, method: string): SipMessage => new SipMessage(textOf(`SIP/2.0 ${status} Whatever`, method));
const ACK = '{"kind":"flow","flow":"u/callee"} ACK';

test("TX-6 IT-8 a refusal over UDP is acknowledged each time it comes, but only to whoever was asked; its user hears it once, and it holds no place", () => {
  const { table, sent, released } = tableOver(false);
  const { heard } = ask(table, "INVITE");
  sent.length = 0;
  expect(table.receive(answer(486, "INVITE"), STRANGER)).toBe(false);
  for (let times = 1; times <= 3; times += 1) {
    expect(table.receive(answer(486, "INVITE"), CALLEE)).toBe(true);
    expect(sent).toEqual(Array.from({ length: times }, () => ACK));
  }
  expect(table.receive(answer(486, "INVITE"), STRANGER)).toBe(false);
  // It is over: a late 2xx is nobody's.
  expect(table.receive(answer(200, "INVITE"), CALLEE)).toBe(false);
  expect(sent).toHaveLength(3);
  expect(heard).toEqual([486]);
  expect(released).toEqual([7]);
});

test("over a connection nothing comes twice, and a request other than INVITE has no ACK", () => {
  for (const [isReliable, method, wanted] of [[true, "INVITE", [ACK]], [false, "MESSAGE", []]] as const) {
    const { table, sent, released } = tableOver(isReliable);
    const { heard } = ask(table, method);
    sent.length = 0;
    expect(table.receive(answer(486, method), CALLEE)).toBe(true);
    expect(table.receive(answer(486, method), CALLEE)).toBe(false);
    expect(sent).toEqual(wanted);
    expect(heard).toEqual([486]);
    expect(released).toEqual([7]);
  }
});
