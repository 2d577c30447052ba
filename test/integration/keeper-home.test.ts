/** A keeper and a server that has bindings: they come from its journal, and the connections that they lead to from the keeper. */
import { expect, test } from "vitest";
import { testCertificates, tlsSettings } from "../support/certificates.js";
import type { Settings } from "../support/edge.js";
import { Home, instanceOf } from "../support/home.js";
import { crash } from "../support/kept-server.js";
import type { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { TcpConnection } from "../support/tcp-connection.js";
import type { Transport } from "../support/wire.js";

const LIMIT = { timeout: 120_000 };
const STREAMS: readonly Transport[] = ["tcp", "ws", "tls", "wss"];

async function phoneOver(home: Home, name: string, transport: Transport, port: number): Promise<Party> {
  const phone = await home.phone(name);
  if (transport === "udp") return phone;
  await phone.close();
  return phone.attach(await TcpConnection.open({ host: home.host, port }, phone.receive, { transport }));
}

const WAYS: readonly (readonly [string, Settings])[] = [
  ["by numbers", {}],
  ["on the object path", { SLUICE_FAST_PATH: "off" }],
];

test.each(WAYS)("phones of a standalone server are found over their old flows after two crashes, %s; whose flow has ended is not", LIMIT, async (_, more) => {
  testCertificates();
  const ports = new Map<Transport, number>();
  for (const transport of STREAMS) ports.set(transport, await freePort("127.0.0.1"));
  const streams = [...ports].map(([transport, port]) => `${transport}:127.0.0.1:${port}`).join(",");
  const udp = await freePort("127.0.0.1");
  const home = await Home.spawn({ SLUICE_LISTEN: `udp:127.0.0.1:${udp},${streams}`, SLUICE_SHARDS: "2", SLUICE_KEEPER: "on", ...tlsSettings(), ...more });
  home.port = udp;
  const phones: Party[] = [];
  for (const transport of ["udp", ...STREAMS] as const) {
    const phone = await phoneOver(home, `bob-${transport}`, transport, ports.get(transport) ?? udp);
    await home.register(phone, { instance: instanceOf(phone.name) });
    phones.push(phone);
  }
  const A = await home.phone("A");
  for (const round of [1, 2]) {
    expect(await crash(home.server)).toMatchObject({ crashes: round, kept: STREAMS.length, lost: 0 });
    for (const phone of phones) {
      await A.say(`MESSAGE sip:${phone.name}@example.com SIP/2.0\nCall-ID: ${round}-${phone.name}@${home.scene}`);
      await phone.request("MESSAGE");
      await phone.reply("200 OK");
      await A.response(200);
    }
    for (const phone of phones) await home.register(phone, { instance: instanceOf(phone.name) });
  }
  for (const phone of phones) expect(phone.wire.isOpen).toBe(true);
  const [, ends = expect.unreachable()] = phones;
  await ends.close();
  await A.say(`MESSAGE sip:${ends.name}@example.com SIP/2.0\nCall-ID: ended@${home.scene}`);
  await A.response(480);
});
