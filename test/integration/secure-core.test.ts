/** Edge and registrar with TLS between them, each proving its name to the other (RFC 5922, RFC 3261 26.3.2.2). */
import { expect, onTestFinished, test } from "vitest";
import { type CertificateFiles, testCertificates } from "../support/certificates.js";
import { cast } from "../support/cast.js";
import { Edge } from "../support/edge.js";
import { Home, instanceOf } from "../support/home.js";
import { Party } from "../support/party.js";
import { freePort, hostPort } from "../support/ports.js";
import { TcpConnection } from "../support/tcp-connection.js";
import type { SipMessage } from "../support/sip-message.js";
import { UdpSocket } from "../support/udp-socket.js";

interface SecureCore {
  readonly home: Home;
  /** A phone that connects to the edge over TLS. */
  readonly secure: (name: string) => Promise<Party>;
  readonly edge: Edge;
  /** Registered through the edge. */
  readonly bob: Party;
  /** A phone connected directly to the registrar. */
  readonly alice: Party;
}

/** The edge at 127.0.0.2 has a certificate for `names`, the registrar has the tests' own. */
async function secureCore(names: readonly string[]): Promise<SecureCore> {
  const { authority, edge: ofRegistrar } = testCertificates();
  const settings = (files: CertificateFiles): Record<string, string> => ({
    SLUICE_TLS_CA: authority.file,
    SLUICE_TLS_CERT: files.certificate,
    SLUICE_TLS_KEY: files.key,
  });
  const secure = await freePort();
  // Alice uses UDP, the edge TLS.
  const home = await Home.start({ SLUICE_EDGES: "127.0.0.2", SLUICE_CORE_LISTEN: `tls:127.0.0.1:${secure}`, ...settings(ofRegistrar) });
  const [client, tls] = [await freePort("127.0.0.2"), await freePort("127.0.0.2")];
  const edge = await Edge.start({
    SLUICE_LISTEN: `udp:127.0.0.2:${client},tls:127.0.0.2:${tls}`,
    SLUICE_CORE_LISTEN: `tls:127.0.0.2:${await freePort("127.0.0.2")}`,
    SLUICE_UPSTREAM: `sip:127.0.0.1:${secure};transport=tls`,
    ...settings(authority.issue(names)),
  });
  onTestFinished(() => edge.stop());
  const bob = new Party("bob", hostPort("127.0.0.2", client), home.scene, home.company);
  bob.attach(await UdpSocket.open({ host: "127.0.0.2", port: client }, bob.receive));
  await home.register(bob, { instance: instanceOf("bob") });
  const phone = async (name: string): Promise<Party> => {
    const party = new Party(name, hostPort("127.0.0.2", tls), home.scene, home.company);
    return party.attach(await TcpConnection.open({ host: "127.0.0.2", port: tls }, party.receive, { transport: "tls" }));
  };
  return { home, edge, bob, alice: await home.phone("alice"), secure: phone };
}

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:alice@192.0.2.1>";

test("TR-22 TR-25 TR-26 PATH-5.4-1 a call goes over TLS along the Path to an edge, and the edge proves its name", async () => {
  const { bob, alice } = await secureCore(["IP:127.0.0.2"]);
  await alice.say(INVITE);
  const invite = await bob.request("INVITE");
  expect(invite.all("Via")[1]).toMatch(/^SIP\/2\.0\/TLS 127\.0\.0\.1:/);
  await bob.reply("200 OK", "Contact: <sip:bob@192.0.2.2>");
  const answer = await alice.response(200);
  const routes = answer.all("Record-Route").flatMap((line) => line.split(/,\s*(?=<)/)).reverse();
  expect(routes.join()).toContain(";transport=tls");
  await alice.say(`BYE sip:bob@192.0.2.2 SIP/2.0\nRoute: ${routes.join(", ")}\nTo: ${answer.header("To")}`);
  await bob.request("BYE");
  await bob.reply("200 OK");
  await alice.response(200);
});

test("TR-26 an edge that cannot prove its identity gets no call: the device counts as unreachable", async () => {
  const { home, bob, alice } = await secureCore(["IP:127.0.0.9"]);
  await alice.say(INVITE);
  await alice.response(480);
  await bob.nothing();
  await expect.poll(() => home.server.output).toContain("the certificate is not for the name that was asked for");
});

const routesIn = (message: SipMessage): readonly string[] => message.all("Record-Route").flatMap((line) => line.split(/,\s*(?=<)/));

test("PX-16.6-5 a phone with a SIPS Contact registers behind an edge over TLS, and is called as SIPS over TLS all the way (RFC 5630 5.2)", async () => {
  const { secure } = await secureCore(["IP:127.0.0.2"]);
  const [carol, dave] = [await secure("carol"), await secure("dave")];
  await carol.say(
    `REGISTER sips:example.com SIP/2.0\nFrom: <sips:carol@example.com>;tag=c\nTo: <sips:carol@example.com>\nSupported: path, outbound\nContact: <sips:carol@${carol.at}>;reg-id=1;+sip.instance="<${instanceOf("carol")}>"`,
  );
  const registered = await carol.response(200);
  expect(registered.header("Contact")).toContain("<sips:carol@");
  for (const value of registered.all("Path").flatMap((line) => line.split(/,\s*(?=<)/))) expect(value).toMatch(/^<sips:[^;]+;lr;ob>$/);
  await dave.say(`INVITE sips:carol@example.com SIP/2.0\nFrom: <sips:dave@example.com>;tag=d\nTo: <sips:carol@example.com>\nContact: <sips:dave@${dave.at};ob>\nCall-ID: sips@${dave.scene}`);
  const invite = await carol.request("INVITE");
  expect(invite.startLine).toContain("INVITE sips:carol@");
  const recorded = routesIn(invite);
  expect(recorded.length).toBeGreaterThanOrEqual(4);
  for (const value of recorded) expect(value).toMatch(/^<sips:[^;]+;lr(?:;nb=[^;>]+)?>$/);
  await carol.reply("200 OK", `Contact: <sips:carol@${carol.at}>`);
  const ok = await dave.response(200);
  const inside = `From: <sips:dave@example.com>;tag=d\nTo: ${ok.header("To")}\nCall-ID: sips@${dave.scene}\nRoute: ${[...routesIn(ok)].reverse().join(", ")}`;
  await dave.say(`ACK sips:carol@${carol.at} SIP/2.0\n${inside}`);
  await carol.request("ACK");
  await carol.say(`BYE sips:dave@${dave.at} SIP/2.0\nFrom: ${ok.header("To")}\nTo: <sips:dave@example.com>;tag=d\nCall-ID: sips@${dave.scene}\nRoute: ${recorded.join(", ")}`);
  await dave.request("BYE");
  await dave.reply("200 OK");
  await carol.response(200);
});

test("PX-16.6-10 a SIPS call is 480 with Warning 380 at an edge with an unencrypted upstream, and at one it reached unencrypted (RFC 5630 5.3)", async () => {
  const { bob } = await secureCore(["IP:127.0.0.2"]);
  await bob.say("INVITE sips:bob@example.com SIP/2.0\nContact: <sips:x@192.0.2.1>");
  expect((await bob.response(480)).header("Warning")).toBe('380 sluice "SIPS Not Allowed"');
  const { U, C } = await cast({ client: "tls" });
  for (const method of ["INVITE", "MESSAGE"]) {
    await U.say(`${method} sips:bob@example.com SIP/2.0\nContact: <sips:x@192.0.2.1>`);
    expect((await U.response(480)).header("Warning")).toBe('380 sluice "SIPS Not Allowed"');
  }
  await C.nothing();
});
