/** Behind a load balancer that sends PROXY headers: the client's own address counts, and only a balancer may state it. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { Edge } from "../support/edge.js";
import { Mailbox } from "../support/mailbox.js";
import { freePort, hostPort } from "../support/ports.js";
import { RawSocket } from "../support/raw-socket.js";
import { SipMessage } from "../support/sip-message.js";
import { complete } from "../support/sip-text.js";
import { UdpSocket } from "../support/udp-socket.js";
import { upgradeRequest } from "../support/upgrade.js";
import { Opcode, frame } from "../support/websocket-framer.js";
import { tlsSettings } from "../support/certificates.js";

const PHONE = { name: "phone", at: "10.9.8.7:5060", transport: "tcp", scene: "proxied" } as const;
const V1 = "PROXY TCP4 203.0.113.9 127.0.0.1 40000 5060\r\n";
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const V2 = `${SIGNATURE}\x21\x11\0\x0c\xcb\0\x71\x09\x7f\0\0\x01\x9c\x40\x13\xc4`;
const V2_IPV6 = `${SIGNATURE}\x21\x21\0\x24${"\x20\x01\x0d\xb8"}${"\0".repeat(11)}\x09${"\0".repeat(16)}\x9c\x40\x13\xc4`;
const V2_LOCAL = `${SIGNATURE}\x20\0\0\0`;

interface Stage {
  readonly edge: Edge;
  readonly at: string;
  /** The second Via of the next request at the core, which shows how the edge names the client. */
  readonly seen: () => Promise<string>;
}

async function stage(transport: string, parameters: string, settings: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const at = hostPort("127.0.0.1", await freePort());
  const corePort = await freePort();
  const requests = new Mailbox<SipMessage>();
  const take = ({ text }: { readonly text: string }): void => {
    const message = new SipMessage(text);
    // The edge's own probes have no client's Via.
    if (message.all("Via").length > 1) requests.put(message);
  };
  const core = await UdpSocket.open({ host: "127.0.0.1", port: 9 }, take, { localPort: corePort });
  const listen = hostPort("127.0.0.1", await freePort());
  const edge = await Edge.start({
    SLUICE_LISTEN: `udp:${at},${transport}:${at}${parameters}`,
    SLUICE_CORE_LISTEN: `udp:${listen}`,
    SLUICE_UPSTREAM: `sip:127.0.0.1:${corePort}`,
    SLUICE_PROXY_TRUSTED: "127.0.0.0/8",
    ...settings,
  });
  onTestFinished(async () => {
    await edge.stop();
    await core.close();
  });
  const seen = async (): Promise<string> => (await requests.take("the core")).all("Via")[1] ?? "";
  return { edge, at, seen };
}

async function open(at: string): Promise<RawSocket> {
  const socket = await RawSocket.open(at);
  onTestFinished(() => socket.end());
  return socket;
}

let calls = 0;

function options(): string {
  calls += 1;
  return complete(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: ${calls}@proxied`, PHONE);
}

const NAMED: Readonly<Record<string, readonly [string, string]>> = {
  "version 1": [V1, "rport=40000;received=203.0.113.9"],
  "version 2": [V2, "rport=40000;received=203.0.113.9"],
  "version 2 over IPv6": [V2_IPV6, "rport=40000;received=2001:db8::9"],
};

for (const [name, [header, expected]] of Object.entries(NAMED)) {
  test(`TR-2 DET-23 PROXY ${name}: received and rport are the client's, not the balancer's`, async () => {
    for (const rule of ["require", "accept"]) {
      const { at, seen } = await stage("tcp", `;proxy=${rule}`);
      const socket = await open(at);
      socket.write(header + options());
      expect(await seen()).toContain(expected);
    }
  });
}

test("TR-2 DET-23 without a header: accepted where it is optional, closed where it is required; a health check speaks for the balancer", async () => {
  const accepting = await stage("tcp", ";proxy=accept");
  const direct = await open(accepting.at);
  direct.write(options());
  expect(await accepting.seen()).toContain("received=127.0.0.1");
  const check = await open(accepting.at);
  check.write(V2_LOCAL + options());
  expect(await accepting.seen()).toContain("received=127.0.0.1");
  const requiring = await stage("tcp", ";proxy=require");
  const refused = await open(requiring.at);
  refused.write(options());
  await refused.expectClosed();
});

test("TR-2 DET-23 a header from someone who is not a balancer is not trusted: closed where one is required, not SIP elsewhere", async () => {
  for (const rule of ["require", "accept"]) {
    const { at } = await stage("tcp", `;proxy=${rule}`, { SLUICE_PROXY_TRUSTED: "192.0.2.1" });
    const socket = await open(at);
    socket.write(V1 + options());
    await socket.expectClosed();
  }
  const plain = await stage("tcp", "");
  const socket = await open(plain.at);
  socket.write(V1 + options());
  await socket.expectClosed();
});

test("TR-2 TR-17 DET-23 a header may be cut anywhere, and a false one ends the connection", async () => {
  const { at, seen } = await stage("tcp", ";proxy=require");
  for (const header of [V1, V2]) {
    const socket = await open(at);
    socket.socket.setNoDelay(true);
    for (const octet of header) {
      socket.write(octet);
      await sleep(1);
    }
    socket.write(options());
    expect(await seen()).toContain("received=203.0.113.9");
  }
  for (const bad of ["PROXY TCP4 1 2 3 4\r\n", `PROXY ${"x".repeat(200)}`, `${SIGNATURE}\x31\x11\0\x0c`, `${SIGNATURE}\x21\x11\xff\xff`]) {
    const socket = await open(at);
    socket.write(bad);
    await socket.expectClosed();
  }
});

test("TR-20 DET-23 a balancer that does not say for whom it speaks is closed in time", { timeout: 20_000 }, async () => {
  const { at } = await stage("tcp", ";proxy=require", { SLUICE_HANDSHAKE_SECONDS: "1" });
  const socket = await open(at);
  socket.write("PROXY ");
  await socket.expectClosed(4_000);
});

test("TR-21 DET-23 the connection limit counts clients, not their balancer", async () => {
  const { at, seen } = await stage("tcp", ";proxy=require", { SLUICE_MAX_FLOWS_PER_SOURCE: "3" });
  const of = async (client: number): Promise<RawSocket> => {
    const socket = await open(at);
    socket.write(`PROXY TCP4 203.0.113.${client} 127.0.0.1 40000 5060\r\n`);
    return socket;
  };
  const first = await Promise.all(Array.from({ length: 5 }, () => of(1)));
  await sleep(200);
  expect(first.filter(({ socket }) => socket.destroyed || socket.readableEnded).length).toBeLessThanOrEqual(2);
  await Promise.any(first.map((socket) => socket.expectClosed()));
  const other = await of(2);
  other.write(options());
  expect(await seen()).toContain("received=203.0.113.2");
});

test("TR-2 WS-F-6 DET-23 in front of a WebSocket, with handshake and frame in the same segment", async () => {
  const { at, seen } = await stage("ws", ";proxy=require");
  const socket = await open(at);
  socket.write(Buffer.concat([Buffer.from(V2, "latin1"), Buffer.from(upgradeRequest("edge")), frame(Opcode.text, options())]));
  expect(await seen()).toContain("received=203.0.113.9");
});

for (const transport of ["tls", "wss"] as const) {
  test(`TR-2 TR-25 in front of ${transport}, where the header comes before the handshake`, async () => {
    const { at, seen } = await stage(transport, ";proxy=require", tlsSettings());
    const bare = await open(at);
    bare.write(V1);
    const shape: ConnectionOptions = { socket: bare.socket, rejectUnauthorized: false };
    const secure = connectTls(shape);
    secure.on("error", () => undefined);
    await once(secure, "secureConnect");
    const octets = transport === "tls" ? Buffer.from(options()) : Buffer.concat([Buffer.from(upgradeRequest("edge")), frame(Opcode.text, options())]);
    secure.write(octets);
    expect(await seen()).toContain("received=203.0.113.9");
    secure.destroy();
  });
}

test("DET-22 TR-2 a banned client cannot get in through a balancer either, and the balancer's other clients can", async () => {
  const admin = await Admin.choose();
  const { at, seen } = await stage("tcp", ";proxy=require", { SLUICE_ADMIN_LISTEN: admin.listen });
  const ask = async (client: string): Promise<RawSocket> => {
    const socket = await open(at);
    socket.write(`PROXY TCP4 ${client} 127.0.0.1 40000 5060\r\n${options()}`);
    return socket;
  };
  const before = await ask("203.0.113.9");
  expect(await seen()).toContain("received=203.0.113.9");
  expect((await admin.ask("POST", "/api/bans", { address: "203.0.113.9", seconds: 60 })).status).toBe(200);
  await before.expectClosed();
  await (await ask("203.0.113.9")).expectClosed();
  await ask("203.0.113.10");
  // The first message to arrive is the next client's.
  expect(await seen()).toContain("received=203.0.113.10");
});
