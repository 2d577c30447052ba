/** Flows end, and their tokens with them: nobody else ever gets what was meant for a client that has left (RFC 5626 5.2, 5.3.1). */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import type { Party } from "../support/party.js";
import { freePort, hostPort } from "../support/ports.js";
import { register } from "../support/calls.js";
import { residentOctets } from "../support/processes.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { UdpSocket } from "../support/udp-socket.js";

const message = (U: Party, path: readonly string[]): string =>
  `MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}`;

async function reset(party: Party): Promise<void> {
  if (party.wire instanceof TcpConnection) await party.wire.reset();
}

test("OB-5.1-4 OB-5.2-3 OB-4.5-2 a port reused after a close is another flow with another token", async () => {
  const company = await cast({ client: "tcp" });
  const { U, C } = company;
  const port = await ownPort(company);
  const path = await register(U, C);
  await reset(U);
  await company.reconnect(U, port);
  expect(U.wire.port).toBe(port);
  const again = await register(U, C);
  expect(again.at(-1)).not.toBe(path.at(-1));
  await C.say(message(U, path));
  await C.response(430);
  await U.nothing();
  await C.say(message(U, again));
  await U.request("MESSAGE");
});

test("OB-5.2-3 another client that takes over the port of a closed connection gets nothing through its token", async () => {
  const company = await cast({ client: "tcp" });
  const { U, C } = company;
  const port = await ownPort(company);
  const path = await register(U, C);
  await reset(U);
  const heir = await company.newClient("heir", "tcp", port);
  await C.say(message(U, path));
  await C.response(430);
  await heir.nothing();
});

test("OB-5.3.1-4 the next request for a closed connection gets 430 within a second", async () => {
  const { U, C } = await cast({ client: "tcp" });
  const path = await register(U, C);
  await U.close();
  await C.settle();
  await C.say(message(U, path));
  await C.atOnce(430);
});

test("OB-5.3.1-6 TR-4 the edge never dials a client, even if someone listens where the client was", async () => {
  const company = await cast({ client: "tcp" });
  const { U, C } = company;
  const port = await ownPort(company);
  const path = await register(U, C);
  await reset(U);
  let dialled = 0;
  const listener = createServer(() => (dialled += 1)).listen(port, "127.0.0.1");
  await once(listener, "listening");
  onTestFinished(() => void listener.close());
  await C.say(message(U, path));
  await C.response(430);
  await C.nothing();
  expect(dialled).toBe(0);
});

test("OB-4.2-12 OB-5.3-8 one client with a UDP flow and a TCP flow from the same address and port", async () => {
  const company = await cast({ client: "tcp" });
  const { U, C } = company;
  const twin = await company.newClient("twin", "udp", await ownPort(company));
  expect(twin.at).toBe(U.at);
  const byTcp = await register(U, C, 1);
  const byUdp = await register(twin, C, 2);
  await C.say(message(U, byTcp));
  await U.request("MESSAGE");
  await C.say(message(U, byUdp));
  await twin.request("MESSAGE");
  await U.nothing();
  await twin.nothing();
});

test("OB-5.3.1-13 SA-7 RPORT-4-4 OB-8-4 a UDP flow is served from the listener where it began", async () => {
  const ports = [await freePort(), await freePort()] as const;
  const company = await cast({ settings: { SLUICE_LISTEN: ports.map((port) => `udp:127.0.0.1:${port}`).join(",") } });
  const { C } = company;
  const [first, second] = await Promise.all(ports.map((port) => clientOf(company, port)));
  if (!first || !second) throw new Error("two clients were asked for");
  const path = await register(second, C);
  expect(path.at(-1)).toContain(hostPort("127.0.0.1", ports[1]));
  await C.say(message(second, path));
  const received = await second.request("MESSAGE");
  expect(received.header("Via")).toContain(hostPort("127.0.0.1", ports[1]));
  expect(second.last.from).toBe(hostPort("127.0.0.1", ports[1]));
  await first.say("MESSAGE sip:bob@example.com SIP/2.0");
  await C.request("MESSAGE");
  await C.reply("200 OK");
  await first.response(200);
  expect(first.last.from).toBe(hostPort("127.0.0.1", ports[0]));
});

test("OB-4.4-2 OB-5.1-19 a token is valid as long as its connection, whatever the registrar answered", async () => {
  const { U, C } = await cast({ client: "tcp" });
  const path = await register(U, C);
  for (let round = 1; round <= 20; round += 1) {
    await C.say(`MESSAGE sip:U@${U.at} SIP/2.0\nRoute: ${path.join(", ")}\nCSeq: ${round} MESSAGE`);
    await U.request("MESSAGE");
    await U.reply("200 OK");
    await C.response(200);
  }
  await U.close();
  await C.settle();
  await C.say(message(U, path));
  await C.response(430);
});

async function clientOf(company: Cast, port: number): Promise<Party> {
  const party = await company.newClient(`at-${port}`, "udp");
  await party.close();
  return party.attach(await UdpSocket.open({ host: "127.0.0.1", port }, party.receive));
}

test("OB-5.4-16 the kernel supervises connections by itself", async () => {
  const { U, client } = await cast({ client: "tcp" });
  const portOf = (at: string): string => `:${Number(at.split(":").at(-1)).toString(16).toUpperCase().padStart(4, "0")}`;
  // The edge's end of the connection; timer 02 is keep-alive (proc(5), net/tcp). It runs once the edge has accepted.
  const timer = (): string | undefined => {
    const rows = readFileSync("/proc/net/tcp", "latin1").split("\n").map((line) => line.trim().split(/\s+/));
    const row = rows.find(([, local = "", remote = ""]) => local.endsWith(portOf(client)) && remote.endsWith(portOf(U.at)));
    return row?.[5]?.slice(0, 2);
  };
  await expect.poll(timer).toBe("02");
});

test("PX-16.11-3 ACKs along a token leave no state", async () => {
  const { SUT, U, C } = await cast({ process: true });
  const path = await register(U, C);
  const ack = (at: number): Promise<unknown> => C.say(`ACK sip:U@192.0.2.1 SIP/2.0\nCSeq: ${at} ACK\nTo: <sip:U@example.com>;tag=U\nRoute: ${path.join(", ")}`);
  const send = async (count: number): Promise<void> => {
    for (let at = 1; at <= count; at += 1) {
      await ack(at);
      if (at % 50 === 0) await U.settle();
    }
    U.forget();
  };
  await send(2_000);
  const before = residentOctets(SUT.pid);
  await send(20_000);
  expect(residentOctets(SUT.pid) - before).toBeLessThan(8 * 1024 * 1024);
});

/** Puts U on a port outside the range from which the kernel might assign it to others while it is free for a moment. */
async function ownPort(company: Cast): Promise<number> {
  const port = await freePort();
  await company.U.close();
  await company.reconnect(company.U, port);
  return port;
}
