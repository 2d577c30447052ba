/** Bad input: an error response or a drop, never a crash, and good traffic is served meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import { complete } from "../support/sip-text.js";
import { register } from "../support/calls.js";
import { seeded } from "../support/prng.js";
import { TcpConnection } from "../support/tcp-connection.js";
import type { Party } from "../support/party.js";
import { residentOctets } from "../support/processes.js";

const MEGABYTE = 1024 * 1024;

function withLength(U: Party, lengths: string, body = ""): string {
  return complete("MESSAGE sip:bob@example.com SIP/2.0\nContent-Length: 0", U)
    .replace("Content-Length: 0", lengths)
    .concat(body);
}

function connection(party: Party): TcpConnection {
  if (party.wire instanceof TcpConnection) return party.wire;
  throw new Error("a connection was asked for");
}

async function goodCall({ U2, C }: Cast): Promise<void> {
  // Datagrams that pile up at C's socket are lost there, which says nothing about the edge.
  await U2.settle();
  await C.settle();
  C.forget();
  const call = await U2.say("INVITE sip:bob@example.com SIP/2.0\nContact: <sip:U2@192.0.2.1;ob>");
  // Bad messages that got through are valid enough to be relayed and do not matter here.
  while ((await C.next()).header("Call-ID") !== call.header("Call-ID"));
  await C.reply("200 OK", `Contact: <sip:C@${C.at}>`);
  await U2.response(200);
}

const BAD_LENGTHS = {
  negative: "Content-Length: -1",
  "with a plus sign": "Content-Length: +5",
  "with a blank": "Content-Length: 5 5",
  "a list": "Content-Length: 5,5",
  hexadecimal: "Content-Length: 0x10",
  "2^31": "Content-Length: 2147483648",
  "2^32": "Content-Length: 4294967296",
  "2^64": "Content-Length: 18446744073709551616",
  "2^64 + 5": "Content-Length: 18446744073709551621",
  empty: "Content-Length:",
  "no number": "Content-Length: five",
  "given twice, differently": "Content-Length: 5\r\nl: 6",
} as const;

for (const [name, lines] of Object.entries(BAD_LENGTHS)) {
  test(`TR-18 TT-16 TT-42 a Content-Length that is ${name} ends a stream and goes no further`, async () => {
    const company = await cast({ client: "tcp" });
    const { U, C } = company;
    await U.send(withLength(U, lines, "12345MESSAGE sip:smuggled@example.com SIP/2.0\r\n"));
    const answer = await U.next();
    expect([400, 413, 513]).toContain(answer.status);
    await connection(U).expectClosed();
    await C.nothing();
    await goodCall(company);
  });
}

test("TR-18 leading zeros are digits", async () => {
  const { U, C } = await cast({ client: "tcp" });
  await U.send(withLength(U, "Content-Length: 000000000000000005", "12345"));
  expect((await C.request("MESSAGE")).body).toBe("12345");
});

describe.concurrent("limits", () => {
  test("TR-19 an announced body beyond the limit is 413 and costs no memory", async ({ onTestFinished }) => {
    const { SUT, U, C } = await cast({ process: true, client: "tcp" }, onTestFinished);
    const before = residentOctets(SUT.pid);
    await U.send(withLength(U, "Content-Length: 2000000000", "x".repeat(1_000)));
    expect([400, 413, 513]).toContain((await U.next()).status);
    await connection(U).expectClosed();
    expect(residentOctets(SUT.pid) - before).toBeLessThan(16 * MEGABYTE);
    await C.nothing();
  });

  test("TR-19 a head without an end is cut off", async ({ onTestFinished }) => {
    const { SUT, U, C } = await cast({ process: true, client: "tcp" }, onTestFinished);
    const before = residentOctets(SUT.pid);
    await U.send(`MESSAGE sip:bob@example.com SIP/2.0\r\nX-Long: ${"x".repeat(2 * MEGABYTE)}`);
    await connection(U).expectClosed();
    expect(residentOctets(SUT.pid) - before).toBeLessThan(32 * MEGABYTE);
    await C.nothing();
  });

  test("TR-20 a message that never ends is cut off in time", async ({ onTestFinished }) => {
    const settings = { SLUICE_MESSAGE_SECONDS: "1" };
    const company = await cast({ client: "tcp", settings }, onTestFinished);
    await company.U.send("MESSAGE sip:bob@example.com SIP/2.0\r\nVia: ");
    for (let at = 0; at < 5 && company.U.wire.isOpen; at += 1) {
      await sleep(500);
      await company.U.send("x");
    }
    await connection(company.U).expectClosed(10_000);
    await goodCall(company);
  });

  test("TR-20 a body that never comes is cut off in time", async ({ onTestFinished }) => {
    const settings = { SLUICE_MESSAGE_SECONDS: "1" };
    const company = await cast({ client: "tcp", settings }, onTestFinished);
    await company.U.send(withLength(company.U, "Content-Length: 500", "x"));
    await connection(company.U).expectClosed(10_000);
    await company.C.nothing();
    await goodCall(company);
  });

  test("TR-20 TR-21 a connection that says nothing is closed", async ({ onTestFinished }) => {
    const { U2 } = await cast({ client: "tcp", settings: { SLUICE_FIRST_MESSAGE_SECONDS: "1" } }, onTestFinished);
    await connection(U2).expectClosed(10_000);
  });

  test("TR-21 connections of a source beyond its limit are refused, earlier ones are served", async ({ expect, onTestFinished }) => {
    const company = await cast({ client: "tcp", settings: { SLUICE_MAX_FLOWS_PER_SOURCE: "5" } }, onTestFinished);
    const more: Party[] = [];
    for (let at = 0; at < 8; at += 1) {
      // A refused connection may be reset before we learn that it opened.
      const party = await company.newClient(`more${at}`).catch(() => undefined);
      if (party) more.push(party);
    }
    await expect.poll(() => more.filter((party) => party.wire.isOpen).length).toBeLessThanOrEqual(5);
    for (const party of more) {
      party.leave();
      await party.close();
    }
    await goodCall(company);
  });
});

test("TR-19 too many Via values, Route values and header fields are refused", async () => {
  const { U, C } = await cast();
  const bombs = [
    `Via: SIP/2.0/UDP ${U.at};branch=z9hG4bK-bomb;rport\n${"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\n".repeat(300)}X: y`,
    `Route: ${Array.from({ length: 200 }, () => "<sip:192.0.2.1;lr>").join(",")}`,
    Array.from({ length: 1_500 }, (_, at) => `X-${at}: y`).join("\n"),
  ];
  for (const [at, bomb] of bombs.entries()) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at + 1} MESSAGE\n${bomb}`);
    expect((await U.next()).status).toBeGreaterThanOrEqual(400);
  }
  await C.nothing();
});

test("GR-32 GR-33 sixty kilobytes of parameters, quotes and commas are processed in no time", async () => {
  const company = await cast();
  const { U, C } = company;
  const heavy = [";a".repeat(30_000), ',"'.repeat(29_999), "<".repeat(60_000), "\\".repeat(60_000), ",".repeat(60_000), "\n x".repeat(15_000)];
  for (const [at, value] of heavy.entries()) {
    for (const name of ["To", "Contact", "Route", "Via"]) {
      await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at + 1} MESSAGE\n${name}: <sip:x@y>${value}`);
    }
  }
  await U.settle();
  U.forget();
  C.forget();
  await goodCall(company);
});

for (const client of ["udp", "tcp"] as const) {
  test(`SA-14 GR-41 OB-5.2-7 mutated messages never harm the edge or concurrent calls, ${client}`, async () => {
    const company = await cast({ client, settings: { SLUICE_LOG_LEVEL: "info" } });
    const { SUT, U, C } = company;
    const path = await register(U, C);
    const random = seeded(5626);
    const seeds = [
      complete(`REGISTER sip:example.com SIP/2.0\nSupported: path, outbound\nContact: <sip:U@192.0.2.1;ob>;reg-id=1`, U),
      complete(`INVITE sip:bob@example.com SIP/2.0\nRoute: ${path.join(", ")}\nContact: "a\\"b" <sip:U@192.0.2.1;ob>\n\nv=0`, U),
      `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP ${company.client};branch=z9hG4bKx\r\nVia: SIP/2.0/UDP ${U.at}\r\nCSeq: 1 INVITE\r\n\r\n`,
    ];
    const log = SUT.output.length;
    for (let at = 0; at < 3_000; at += 1) {
      const text = [...(seeds[at % seeds.length] ?? "")];
      for (let change = 0; change <= random(4); change += 1) {
        const place = random(text.length);
        if (random(3) === 0) text.splice(place, random(20));
        else text[place] = String.fromCharCode(random(256));
      }
      if (!U.wire.isOpen) await company.reconnect(U);
      await U.send(text.join(""));
      if (at % 500 === 0) await goodCall(company);
    }
    await company.reconnect(U);
    await goodCall(company);
    expect(SUT.output.length - log).toBeLessThan(500_000);
  });
}

test("SA-16 GR-24 octets from an attacker are escaped and truncated in the log", async () => {
  const { SUT, U } = await cast({ settings: { SLUICE_LOG_LEVEL: "info" } });
  await U.send(`EVIL\x1b[2J\nFAKE LOG LINE ${"A".repeat(5_000)}\r\n\r\n`);
  await U.settle();
  expect(SUT.output).not.toContain("\x1b");
  expect(SUT.output).not.toMatch(/^FAKE LOG LINE/m);
  for (const line of SUT.output.split("\n")) expect(line.length).toBeLessThan(1_500);
});
