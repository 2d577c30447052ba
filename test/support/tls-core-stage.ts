/** An edge in a process of its own, with a core over TLS that keeps what it is asked, and a phone over TCP. */
import { readFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import { testCertificates } from "./certificates.js";
import { CoreTls } from "./core-tls.js";
import { Edge } from "./edge.js";
import { Mailbox } from "./mailbox.js";
import { freePort } from "./ports.js";
import { SipMessage } from "./sip-message.js";
import { complete, responseTo } from "./sip-text.js";
import { TcpConnection } from "./tcp-connection.js";
import type { Incoming } from "./wire.js";

export interface TlsCoreStage {
  readonly core: CoreTls;
  readonly edge: Edge;
  /** Requests that the core got, and responses that the phone got. */
  readonly asked: Mailbox<Incoming>;
  readonly heard: Mailbox<SipMessage>;
  /** The phone sends this. */
  readonly say: (text: string) => Promise<void>;
}

/** `scene` is part of its branches and tags. All of it ends with the test. */
export async function tlsCoreStage(scene: string, settings: Readonly<Record<string, string>> = {}): Promise<TlsCoreStage> {
  const { authority } = testCertificates();
  const files = authority.issue(["DNS:localhost"], { commonName: "core" });
  const asked = new Mailbox<Incoming>();
  const core = await CoreTls.open({ cert: readFileSync(files.certificate), key: readFileSync(files.key) }, (incoming) => {
    const message = new SipMessage(incoming.text);
    // Answers to the edge's own probes.
    if (message.header("Call-ID").startsWith("sl-probe")) void incoming.answer(responseTo(message, "200 OK", "core"));
    else asked.put(incoming);
  });
  const port = await freePort("127.0.0.1");
  const edge = await Edge.spawn({ SLUICE_LISTEN: `tcp:127.0.0.1:${port}`, SLUICE_TLS_CA: authority.file, SLUICE_UPSTREAM: `sip:localhost:${core.port};transport=tls`, ...settings });
  const heard = new Mailbox<SipMessage>();
  const phone = await TcpConnection.open({ host: "127.0.0.1", port }, ({ text }) => heard.put(new SipMessage(text)), { transport: "tcp" });
  onTestFinished(async () => {
    await phone.close();
    await edge.stop();
    await core.close();
  });
  return { core, edge, asked, heard, say: (text) => phone.send(complete(text, { name: "U", at: phone.at, transport: "tcp", scene })) };
}
