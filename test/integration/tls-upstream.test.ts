/** TLS towards the core: whom the upstream must prove to be (RFC 5922), and what happens if it does not. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Authority, testCertificates, tlsSettings } from "../support/certificates.js";
import { CoreTls } from "../support/core-tls.js";
import { Edge } from "../support/edge.js";
import { Mailbox } from "../support/mailbox.js";
import { freePort, hostPort } from "../support/ports.js";
import { SipMessage } from "../support/sip-message.js";
import { complete, responseTo } from "../support/sip-text.js";
import { UdpSocket } from "../support/udp-socket.js";
import type { Incoming } from "../support/wire.js";

interface Stage {
  readonly edge: Edge;
  readonly core: CoreTls;
  readonly asked: Mailbox<Incoming>;
  /** Sends an OPTIONS as a client and returns the status of the response. */
  readonly ask: () => Promise<number>;
}

let calls = 0;

/** An upstream with a certificate for `names`, which the edge knows as `uri` (with PORT for its port). */
async function stage(names: readonly string[], uri: string, { authority = testCertificates().authority, commonName = "core", own = {} } = {}): Promise<Stage> {
  const asked = new Mailbox<Incoming>();
  const files = authority.issue(names, { commonName });
  const core = await CoreTls.open({ cert: readFileSync(files.certificate), key: readFileSync(files.key), ca: testCertificates().authority.pem, requestCert: true, rejectUnauthorized: false }, (incoming) => {
    const message = new SipMessage(incoming.text);
    if (message.header("Call-ID").startsWith("sl-probe")) return;
    asked.put(incoming);
    if (!message.isResponse) void incoming.answer(responseTo(message, "200 OK", "core"));
  });
  const client = await freePort();
  const at = hostPort("127.0.0.1", client);
  const edge = await Edge.start({
    SLUICE_LISTEN: `udp:${at},tcp:${at}`,
    SLUICE_TLS_CA: testCertificates().authority.file,
    SLUICE_UPSTREAM: uri.replace("PORT", String(core.port)),
    ...own,
  });
  const answers = new Mailbox<number>();
  const wire = await UdpSocket.open({ host: "127.0.0.1", port: client }, ({ text }) => answers.put(new SipMessage(text).status));
  onTestFinished(async () => {
    await wire.close();
    await edge.stop();
    await core.close();
  });
  const ask = async (): Promise<number> => {
    calls += 1;
    await wire.send(complete(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: ask-${calls}`, { name: "U", at: wire.at, transport: "udp", scene: "tls" }));
    return answers.take("U");
  };
  return { edge, core, asked, ask };
}

for (const uri of ["sip:localhost:PORT;transport=tls", "sips:localhost:PORT"]) {
  test(`TR-25 TR-26 TR-22 an upstream by ${uri}: SNI, the name is proven, Via says TLS, and one connection is enough`, async () => {
    const { ask, asked, core } = await stage(["DNS:LocalHost"], uri);
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 200]);
    expect((await asked.take("core")).text).toMatch(/\r\nVia: SIP\/2.0\/TLS 127\.0\.0\.1:\d+;branch=/);
    expect(core.names).toEqual(["localhost"]);
  });
}

const PROVEN: Readonly<Record<string, readonly [readonly string[], string, string?]>> = {
  "the URI of the domain": [["URI:sip:localhost"], "localhost"],
  "an address in a subjectAltName of its own type": [["IP:127.0.0.1"], "127.0.0.1"],
  "the common name where there is no subjectAltName": [[], "localhost", "localhost"],
};

for (const [what, [names, host, commonName]] of Object.entries(PROVEN)) {
  test(`TR-26 ${what} proves who an upstream is`, async () => {
    const { ask } = await stage(names, `sip:${host}:PORT;transport=tls`, { commonName: commonName ?? "core" });
    expect(await ask()).toBe(200);
  });
}

const UNPROVEN: Readonly<Record<string, readonly [readonly string[], string]>> = {
  "another name": [["DNS:other.example.org"], "localhost"],
  "a wildcard": [["DNS:*.localhost", "DNS:*"], "localhost"],
  "a URI with a user part": [["URI:sip:core@localhost"], "localhost"],
  "the common name beside another subjectAltName": [["DNS:other.example.org"], "localhost"],
  "a name that only spells the address": [["DNS:127.0.0.1"], "127.0.0.1"],
};

for (const [what, [names, host]] of Object.entries(UNPROVEN)) {
  test(`TR-26 ${what} proves nothing: nothing is sent, and the client gets 503`, async () => {
    const { ask, asked, edge } = await stage(names, `sip:${host}:PORT;transport=tls`, { commonName: "localhost" });
    expect(await ask()).toBe(503);
    await sleep(100);
    expect(asked.peek()).toEqual([]);
    await expect.poll(() => edge.output).toContain("the certificate is not for the name that was asked for");
  });
}

test("TR-26 a certificate from an unknown authority proves nothing", async () => {
  const { ask, asked } = await stage(["DNS:localhost"], "sip:localhost:PORT;transport=tls", { authority: new Authority() });
  expect(await ask()).toBe(503);
  expect(asked.peek()).toEqual([]);
});

test("TR-25 an upstream that asks for our certificate gets it", async () => {
  const { ask, core } = await stage(["DNS:localhost"], "sip:localhost:PORT;transport=tls", { own: tlsSettings() });
  expect(await ask()).toBe(200);
  const [connection] = core.accepted;
  expect(connection?.peerNames).toContain("edge.example.org");
});

test("TR-26 TR-23 a target that cannot prove its name is skipped for the next one", async () => {
  const good = await stage(["DNS:localhost"], "sip:localhost:PORT;transport=tls");
  const { ask, asked } = await stage(["DNS:other.example.org"], `sip:127.0.0.1:PORT;transport=tls;priority=1,sip:localhost:${good.core.port};transport=tls;priority=2`);
  expect(await ask()).toBe(200);
  expect(asked.peek()).toEqual([]);
});
