/** Edge and registrar with TLS between them, each proving its name to the other (RFC 5922, RFC 3261 26.3.2.2). */
import { expect, onTestFinished, test } from "vitest";
import { type CertificateFiles, testCertificates } from "../support/certificates.js";
import { Edge } from "../support/edge.js";
import { Home, instanceOf } from "../support/home.js";
import { Party } from "../support/party.js";
import { freePort, hostPort } from "../support/ports.js";
import { UdpSocket } from "../support/udp-socket.js";

interface SecureCore {
  readonly home: Home;
  readonly edge: Edge;
  /** Registered through the edge. */
  readonly bob: Party;
  /** A phone of the registrar's own. */
  readonly alice: Party;
}

/** The edge at 127.0.0.2 has a certificate for `names`, the registrar one of the tests' own. */
async function secureCore(names: readonly string[]): Promise<SecureCore> {
  const { authority, edge: ofRegistrar } = testCertificates();
  const settings = (files: CertificateFiles): Record<string, string> => ({
    SLUICE_TLS_CA: authority.file,
    SLUICE_TLS_CERT: files.certificate,
    SLUICE_TLS_KEY: files.key,
  });
  const secure = await freePort();
  // Alice comes over UDP, the edge over TLS.
  const home = await Home.start({ SLUICE_EDGES: "127.0.0.2", SLUICE_CORE_LISTEN: `tls:127.0.0.1:${secure}`, ...settings(ofRegistrar) });
  const client = await freePort("127.0.0.2");
  const edge = await Edge.start({
    SLUICE_LISTEN: `udp:127.0.0.2:${client}`,
    SLUICE_CORE_LISTEN: `tls:127.0.0.2:${await freePort("127.0.0.2")}`,
    SLUICE_UPSTREAM: `sip:127.0.0.1:${secure};transport=tls`,
    ...settings(authority.issue(names)),
  });
  onTestFinished(() => edge.stop());
  const bob = new Party("bob", hostPort("127.0.0.2", client), home.scene, home.company);
  bob.attach(await UdpSocket.open({ host: "127.0.0.2", port: client }, bob.receive));
  await home.register(bob, { instance: instanceOf("bob") });
  return { home, edge, bob, alice: await home.phone("alice") };
}

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:alice@192.0.2.1>";

test("TR-22 TR-25 TR-26 PATH-5.4-1 a call goes to an edge over TLS, along the Path, and the edge proves its name", async () => {
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

test("TR-26 an edge that cannot prove who it is gets no call: the device counts as not reached", async () => {
  const { home, bob, alice } = await secureCore(["IP:127.0.0.9"]);
  await alice.say(INVITE);
  await alice.response(480);
  await bob.nothing();
  await expect.poll(() => home.server.output).toContain("the certificate is not for the name that was asked for");
});
