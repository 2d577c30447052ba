/** The edge's own names and addresses: advertised ones, two families, IPv4 in IPv6 (RFC 3261 16.4, RFC 5118). */
import { expect, test } from "vitest";
import { type Cast, cast } from "../support/cast.js";
import { freePort } from "../support/ports.js";
import type { Party } from "../support/party.js";
import { register } from "../support/calls.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { UdpSocket } from "../support/udp-socket.js";
import { userOf } from "../support/sip-message.js";

test("SA-19 an advertised address appears in Via, Path and Record-Route, and both addresses are ours", async () => {
  const [client, core] = [await freePort(), await freePort()];
  const company = await cast({
    settings: {
      SLUICE_LISTEN: `udp:127.0.0.1:${client};advertise=203.0.113.5:5060`,
      SLUICE_CORE_LISTEN: `udp:127.0.0.1:${core};advertise=edge.core.example:5070`,
    },
  });
  const { C } = company;
  const U = await at(company, client, "udp");
  await C.close();
  C.attach(await UdpSocket.open({ host: "127.0.0.1", port: core }, C.receive, { localPort: C.wire.port }));
  const path = await register(U, C);
  expect(path[0]).toMatch(/@edge\.core\.example:5070;/);
  expect(path[1]).toMatch(/@203\.0\.113\.5:5060;|@203\.0\.113\.5;/);
  for (const route of [path.join(", "), `<sip:${userOf(path[1] ?? "")}@127.0.0.1:${client};lr>`]) {
    await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${route}`);
    const message = await U.request("MESSAGE");
    expect(message.all("Route")).toEqual([]);
    expect(message.header("Via")).toContain("203.0.113.5");
  }
});

test("DET-16 our names are recognised in any letter case, with or without default port and trailing dot", async () => {
  const { U, C, client } = await cast({ settings: { SLUICE_NAMES: "edge.example.com" } });
  const [, port = ""] = client.split(":");
  const spellings = [`edge.example.com:${port}`, `EDGE.Example.COM:${port}`, `edge.example.com.:${port}`];
  for (const [at, spelling] of spellings.entries()) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at + 1} MESSAGE\nRoute: <sip:${spelling};lr>`);
    expect((await C.request("MESSAGE")).all("Route"), spelling).toEqual([]);
  }
});

test("T6-10 DET-16 other spellings of our IPv6 address are ours", async () => {
  const { U, C, client } = await cast({ host: "::1" });
  const port = client.split(":").at(-1) ?? "";
  for (const [at, host] of ["[::1]", "[0:0:0:0:0:0:0:1]", "[0::1]", "[0000::0001]"].entries()) {
    await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nCSeq: ${at + 1} MESSAGE\nRoute: <sip:${host}:${port};lr>`);
    expect((await C.request("MESSAGE")).all("Route"), host).toEqual([]);
  }
});

for (const transport of ["udp", "tcp"] as const) {
  test(`DRR-1 T6-7 OB-5.2-11 a client over IPv6 and a core over IPv4, ${transport}`, async () => {
    const port = await freePort("::1");
    const company = await cast({ settings: { SLUICE_LISTEN: `udp:[::1]:${port},tcp:[::1]:${port}` } });
    const { C } = company;
    const U = await at(company, port, transport, "::1");
    const path = await register(U, C);
    expect(path[0]).toContain("@127.0.0.1:");
    expect(path[1]).toContain(`@[::1]:${port}`);
    await C.say(`INVITE sip:U@[::1] SIP/2.0\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
    const invite = await U.request("INVITE");
    expect(invite.all("Record-Route")[0]).toContain(`@[::1]:${port}`);
    expect(invite.all("Record-Route")[1]).toContain("@127.0.0.1:");
    await U.reply("200 OK", `Contact: <sip:U@${U.at}>`);
    await C.response(200);
    await U.say("MESSAGE sip:bob@example.com SIP/2.0");
    const message = await C.request("MESSAGE");
    expect(message.all("Via")[1]).toContain("received=::1");
    await C.reply("200 OK");
    await U.response(200);
  });
}

test("T6-11 a zone id leads nowhere", async () => {
  const { U, C } = await cast({ host: "::1" });
  await U.say("MESSAGE sip:bob@[fe80::1%eth0] SIP/2.0");
  await U.response(400);
  // Without a readable Via there can be no response.
  await U.say(`MESSAGE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP [fe80::1%eth0]:5060;branch=z9hG4bKzone;rport`);
  await U.nothing();
  await C.nothing();
});

async function at(company: Cast, port: number, transport: "udp" | "tcp", host = "127.0.0.1"): Promise<Party> {
  await company.U.close();
  const target = { host, port };
  const { U } = company;
  return U.attach(transport === "udp" ? await UdpSocket.open(target, U.receive) : await TcpConnection.open(target, U.receive));
}
