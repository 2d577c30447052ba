/** An upgrade, and connections whose records are OpenSSL's: they cannot move, so they end at a set rate, and their peers come back. */
import { once } from "node:events";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { testCertificates } from "../support/certificates.js";
import { reaches } from "../support/every-transport.js";
import { SipMessage } from "../support/sip-message.js";
import { complete, responseTo } from "../support/sip-text.js";
import { tlsCoreStage } from "../support/tls-core-stage.js";
import { askForUpgrade } from "../support/upgrading.js";

const LIMIT = { timeout: 120_000 };
const PHONES = 20;
const RATE = 10;
const LEAVING = "draining the connections that cannot move";
/** No suite of ours (native/tls). */
const CBC = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" } as const;

class Phone {
  readonly socket: TLSSocket;
  session: Buffer | undefined;
  endedAt = 0;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on("session", (session: Buffer) => (this.session = session));
    socket.on("error", () => undefined);
    socket.on("close", () => (this.endedAt = performance.now()));
    socket.resume();
  }

  static async connect(port: number, options: ConnectionOptions): Promise<Phone> {
    const phone = new Phone(connect({ host: "127.0.0.1", port, ca: testCertificates().authority.pem, servername: "edge.example.org", ...options }));
    onTestFinished(() => void phone.socket.destroy());
    await once(phone.socket, "secureConnect");
    phone.session ??= options.maxVersion === "TLSv1.2" ? phone.socket.getSession() : undefined;
    return phone;
  }
}

test.each([
  ["by the switch", { SLUICE_TLS_RECORDS: "openssl" }, {}],
  ["with a CBC suite", {}, CBC],
] as const)("TR-27 phones whose records are OpenSSL's %s get 503 from the process before, which closes them at the set rate, and the new one resumes their sessions", LIMIT, async (_, settings, options) => {
  const company = await cast({ process: true, own: true, client: "tls", settings: { ...settings, SLUICE_DRAIN_SECONDS: "5", SLUICE_DRAIN_RATE: String(RATE) } });
  const { C, SUT, U } = company;
  const port = Number(company.client.split(":").at(-1));
  const phones: Phone[] = [];
  for (let at = 0; at < PHONES; at += 1) phones.push(await Phone.connect(port, options));
  await expect.poll(() => phones.filter(({ session }) => session !== undefined).length).toBe(PHONES);
  const path = await register(U, C);
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output, { timeout: 60_000, interval: 20 }).toContain(LEAVING);
  const kept = Number(/"connections":(\d+)[^\n]*draining the connections/.exec(SUT.output)?.[1]);
  // U and U2 as well, if the switch says so.
  expect(kept).toBe("SLUICE_TLS_RECORDS" in settings ? PHONES + 2 : PHONES);
  const [first] = phones;
  const answer = once(first?.socket ?? expect.unreachable(), "data");
  first?.socket.write(complete("REGISTER sip:example.com SIP/2.0\nContact: <sip:phone@192.0.2.1>", { name: "phone", at: "192.0.2.1:5061", transport: "tls", scene: company.scene }));
  const [octets] = (await answer) as [Buffer];
  expect(octets.toString("latin1")).toMatch(/^SIP\/2\.0 503 [^]*\r\nRetry-After: [1-9]/);
  await expect.poll(() => phones.filter(({ endedAt }) => endedAt > 0).length, { timeout: 30_000 }).toBe(PHONES);
  const ends = phones.map(({ endedAt }) => endedAt).sort((a, b) => a - b);
  for (const [at, end] of ends.entries()) {
    const next = ends[at + RATE + 1];
    // Two more than the rate in a second would be a second of 0.8.
    if (next !== undefined) expect(next - end).toBeGreaterThan(800);
  }
  await expect.poll(() => SUT.output, { timeout: 30_000 }).toContain("all is handed over");
  const resumed: boolean[] = [];
  for (const { session } of phones) resumed.push((await Phone.connect(port, { ...options, session })).socket.isSessionReused());
  expect(resumed).toEqual(Array<boolean>(PHONES).fill(true));
  if (kept === PHONES) return reaches(company, U, path);
  expect(U.wire.isOpen).toBe(false);
  await company.reconnect(U);
  await reaches(company, U, await register(U, C));
});

test("a connection to the core whose records are OpenSSL's is dialled anew by the new process", LIMIT, async () => {
  const { core, edge, asked, heard, say } = await tlsCoreStage("openssl-core", { SLUICE_TLS_RECORDS: "openssl", SLUICE_DRAIN_SECONDS: "5" });
  const exchange = async (id: string): Promise<void> => {
    await say(`OPTIONS sip:bob@example.com SIP/2.0\nCall-ID: ${id}`);
    const request = await asked.take("core");
    await request.answer(responseTo(new SipMessage(request.text), "200 OK", "core"));
    expect((await heard.take("U")).status).toBe(200);
  };
  await exchange("before");
  expect(await askForUpgrade(edge)).toContain("all is handed over");
  await exchange("after");
  expect(core.accepted).toHaveLength(2);
});
