/** The example of RFC 5626 §9 from end to end: two edges, a registrar, a configuration service, Bob and Alice. */
import { expect, onTestFinished, test } from "vitest";
import { INSTANCE } from "../support/calls.js";
import { Edge } from "../support/edge.js";
import { Home } from "../support/home.js";
import { Party } from "../support/party.js";
import { freePort, hostPort } from "../support/ports.js";
import type { SipMessage } from "../support/sip-message.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { UdpSocket } from "../support/udp-socket.js";

/** One edge proxy of the example, EP1 or EP2. */
interface EdgeProxy {
  readonly process: Edge;
  readonly host: string;
  /** host:port where Bob reaches it, and where the core does. */
  readonly client: string;
  readonly core: string;
}

async function edgeProxy(host: string, registrar: string): Promise<EdgeProxy> {
  const [client, core] = [hostPort(host, await freePort(host)), hostPort(host, await freePort(host))];
  const process = await Edge.spawn({ SLUICE_LISTEN: `tcp:${client}`, SLUICE_CORE_LISTEN: `udp:${core}`, SLUICE_UPSTREAM: `sip:${registrar}` });
  onTestFinished(() => process.stop());
  return { process, host, client, core };
}

/** A party on the core side with a UDP socket that sends to `to`. */
async function neighbour(name: string, scene: string, company: Set<Party>, to: string, localPort = 0): Promise<Party> {
  const [host = "", port = ""] = to.split(":");
  const party = new Party(name, to, scene, company);
  const socket = await UdpSocket.open({ host, port: Number(port) }, party.receive, { localPort, localHost: "127.0.0.1" });
  onTestFinished(() => socket.close());
  return party.attach(socket);
}

async function connect(party: Party, { host, client }: EdgeProxy): Promise<void> {
  const connection = await TcpConnection.open({ host, port: Number(client.split(":")[1]) }, party.receive);
  onTestFinished(() => connection.close());
  party.attach(connection);
}

const recordRoute = (message: SipMessage): string[] => message.all("Record-Route").flatMap((line) => line.split(/,\s*(?=<)/));

test("OB-9-1 OB-9-2 OB-9-3 OB-9-4 D4 subscription, two registrations, a crash, a re-registration and a call", async () => {
  const configPort = await freePort();
  const home = await Home.start({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2,127.0.0.3", SLUICE_UPSTREAM: `sip:127.0.0.1:${configPort}` });
  const EP1 = await edgeProxy("127.0.0.2", home.at);
  const EP2 = await edgeProxy("127.0.0.3", home.at);
  const bob1 = new Party("bob", EP1.client, home.scene, home.company);
  const bob2 = new Party("bob", EP2.client, home.scene, home.company);
  await connect(bob1, EP1);
  await connect(bob2, EP2);
  // The configuration service and, in the end, the far domain: everything outside example.com.
  const config = await neighbour("config", home.scene, home.company, EP1.core, configPort);
  const alice = await neighbour("alice", home.scene, home.company, home.at);

  // 9.1: Bob subscribes to his configuration before he has registered.
  await bob1.say(`SUBSCRIBE sip:00000000-0000-1000-8000-AABBCCDDEEFF@config.example.net SIP/2.0
Call-ID: subscribe@${home.scene}
Event: ua-profile
Contact: <sip:192.0.2.2;transport=tcp;ob>`);
  const subscribe = await config.request("SUBSCRIBE");
  const subscribed = recordRoute(subscribe);
  expect(subscribed).toHaveLength(2);
  for (const value of subscribed) expect(value).not.toContain(";ob");
  await config.reply("200 OK", "Contact: <sip:config.example.net>\nExpires: 86400");
  await bob1.response(200);
  await config.say(`NOTIFY sip:192.0.2.2;transport=tcp;ob SIP/2.0
Call-ID: subscribe@${home.scene}
To: <sip:bob@example.com>;tag=bob
From: <sip:config.example.net>;tag=config
Route: ${subscribed.join(", ")}
Event: ua-profile
Subscription-State: active`);
  const notify = await bob1.request("NOTIFY");
  expect(notify.all("Route")).toEqual([]);
  await bob1.reply("200 OK");
  await config.response(200);

  // 9.2: he registers with each edge on a separate flow.
  let cseq = 0;
  const register = async (bob: Party, regId: number): Promise<SipMessage> => {
    cseq += 1;
    await bob.say(`REGISTER sip:example.com SIP/2.0
Call-ID: register-${regId}@${home.scene}
CSeq: ${cseq} REGISTER
To: <sip:bob@example.com>
Supported: path, outbound
Route: <sip:${bob.edge};transport=tcp;lr>
Contact: <sip:bob@192.0.2.2;transport=tcp>;reg-id=${regId};+sip.instance="${INSTANCE}"`);
    const ok = await bob.response(200);
    expect(ok.header("Require")).toBe("outbound");
    return ok;
  };
  const contacts = (ok: SipMessage): string[] => ok.all("Contact").flatMap((line) => line.match(/reg-id=\d+/g) ?? []);
  expect(contacts(await register(bob1, 1))).toEqual(["reg-id=1"]);
  expect(contacts(await register(bob2, 2)).sort()).toEqual(["reg-id=1", "reg-id=2"]);
  // The most recently registered flow is tried first, so EP1's must be the newer one to match the example.
  await register(bob1, 1);

  // 9.3: EP1 crashes and is back before anyone calls; the registrar does not notice.
  await EP1.process.restart();
  await alice.say(`INVITE sip:bob@example.com SIP/2.0
Call-ID: incoming@${home.scene}
Contact: <sip:alice@127.0.0.1:${alice.wire.port}>`);
  const invite = await bob2.request("INVITE");
  const incoming = recordRoute(invite);
  expect(incoming.length).toBeGreaterThanOrEqual(2);
  for (const value of incoming) expect(value).not.toContain(";ob");
  await bob2.reply("200 OK", "Contact: <sip:bob@192.0.2.2;transport=tcp>");
  const answered = await alice.response(200);
  const aliceToEP2 = await neighbour("alice", home.scene, home.company, EP2.core);
  const dialog = `Call-ID: incoming@${home.scene}\nTo: ${answered.header("To")}\nRoute: ${recordRoute(answered).reverse().join(", ")}`;
  await aliceToEP2.say(`ACK sip:bob@192.0.2.2;transport=tcp SIP/2.0\n${dialog}\nFrom: <sip:alice@example.com>;tag=alice`);
  await bob2.request("ACK");
  await aliceToEP2.say(`BYE sip:bob@192.0.2.2;transport=tcp SIP/2.0\nCSeq: 2 BYE\n${dialog}\nFrom: <sip:alice@example.com>;tag=alice`);
  await bob2.request("BYE");
  await bob2.reply("200 OK");
  await aliceToEP2.response(200);

  // 9.4: Bob notices that his flow is gone and registers again with EP1; the binding that answered 430 has been dropped.
  await connect(bob1, EP1);
  expect(contacts(await register(bob2, 2))).toEqual(["reg-id=2"]);
  expect(contacts(await register(bob1, 1)).sort()).toEqual(["reg-id=1", "reg-id=2"]);

  // 9.5: he calls out over the new flow.
  await bob1.say(`INVITE sip:alice@a.example.net SIP/2.0
Call-ID: outgoing@${home.scene}
Contact: <sip:bob@192.0.2.2;transport=tcp;ob>`);
  const outgoing = await config.request("INVITE");
  const route = recordRoute(outgoing);
  for (const value of route) expect(value).not.toContain(";ob");
  await config.reply("200 OK", "Contact: <sip:alice@a.example.net>");
  const ok = await bob1.response(200);
  const bobRoute = recordRoute(ok).reverse().join(", ");
  await bob1.say(`ACK sip:alice@a.example.net SIP/2.0\nCall-ID: outgoing@${home.scene}\nTo: ${ok.header("To")}\nRoute: ${bobRoute}`);
  await config.say(`BYE sip:bob@192.0.2.2;transport=tcp;ob SIP/2.0
Call-ID: outgoing@${home.scene}
CSeq: 3 BYE
To: <sip:bob@example.com>;tag=bob
From: <sip:alice@a.example.net>;tag=config
Route: ${route.join(", ")}`);
  await bob1.request("BYE");
  await bob1.reply("200 OK");
  await config.response(200);
});
