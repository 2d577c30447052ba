/** TLS 1.3 records after the handshake, from a client that makes them itself, good and bad (RFC 8446 4.6.3, 5 and 6). */
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { type Cast, cast } from "../support/cast.js";
import { ContentType, RecordPeer } from "../support/record-peer.js";
import { RawSocket } from "../support/raw-socket.js";
import { complete } from "../support/sip-text.js";

const PHONE = { name: "phone", at: "192.0.2.1:5061", transport: "tls", scene: "phone" } as const;

function options(id: string): string {
  return complete("OPTIONS sip:bob@example.com SIP/2.0", PHONE).replace("Call-ID: ", `Call-ID: ${id}-`);
}

async function peer({ client }: Cast, ciphers?: string): Promise<RecordPeer> {
  const opened = await RecordPeer.open(client, ciphers);
  onTestFinished(() => opened.close());
  return opened;
}

for (const records of ["own", "openssl"] as const) {
  const settings = { SLUICE_TLS_RECORDS: records };

  for (const ciphers of ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"]) {
    test(`TR-25 ${records} records, ${ciphers}: messages both ways through KeyUpdates of the client, whole and octet by octet`, async () => {
      const company = await cast({ client: "tls", settings });
      const phone = await peer(company, ciphers);
      await phone.send(options("before"));
      expect(await company.C.request("OPTIONS")).toBeDefined();
      await company.C.reply("200 OK");
      await phone.hear("SIP/2.0 200 OK");
      await phone.updateKeys(false);
      await phone.write(phone.seal(ContentType.data, options("between")), 1);
      await company.C.request("OPTIONS");
      // Otherwise the edge repeats it to the next test with this server.
      await company.C.reply("200 OK");
      await phone.updateKeys(true);
      await phone.send(options("after"));
      await company.C.request("OPTIONS");
      await company.C.reply("202 Accepted");
      expect(await phone.hear("SIP/2.0 202 Accepted")).toContain("KeyUpdate\n");
    });
  }

  test(`TR-24 ${records} records: user_canceled changes nothing, and a client that has sent close_notify still gets its answer`, async () => {
    const company = await cast({ client: "tls", settings });
    const phone = await peer(company);
    await phone.write(phone.seal(ContentType.alert, Buffer.from([1, 90])));
    await phone.send(options("last"));
    await phone.write(phone.seal(ContentType.alert, Buffer.from([1, 0])));
    await company.C.request("OPTIONS");
    await company.C.reply("200 OK");
    await phone.hear("SIP/2.0 200 OK");
  });

  test(`TR-25 ${records} records: what is damaged, repeated, missing, in clear or too long gets its alert and ends the connection, and nothing of it is read`, async () => {
    const company = await cast({ client: "tls", settings });
    const flipped = (record: Buffer): Buffer => {
      record.writeUInt8(record.readUInt8(record.length - 20) ^ 1, record.length - 20);
      return record;
    };
    const attacks: readonly [string, (phone: RecordPeer) => Buffer][] = [
      ["alert 2/20", (phone) => flipped(phone.seal(ContentType.data, options("flipped")))],
      ["alert 2/20", (phone) => Buffer.concat([phone.seal(ContentType.data, "\r\n\r\n"), phone.seal(ContentType.data, options("gap"))].slice(1))],
      ["alert 2/10", () => Buffer.from([ContentType.alert, 3, 3, 0, 2, 1, 0])],
      ["alert 2/10", () => Buffer.from([20, 3, 3, 0, 1, 1])],
      ["alert 2/22", () => Buffer.from([ContentType.data, 3, 3, 0x41, 1])],
      ["alert 2/10", (phone) => phone.seal(ContentType.handshake, Buffer.from([1, 0, 0, 0]))],
      ["alert 2/10", (phone) => phone.seal(20, Buffer.from([1]))],
    ];
    for (const [alert, attack] of attacks) {
      const phone = await peer(company);
      await phone.write(attack(phone));
      expect(await phone.hear("end\n")).toContain(`${alert}\n`);
    }
    const replaying = await peer(company);
    const record = replaying.seal(ContentType.data, options("once"));
    await replaying.write(Buffer.concat([record, record]));
    expect(await replaying.hear("end\n")).toContain("alert 2/20\n");
    const good = await peer(company);
    await good.send(options("good"));
    expect((await company.C.request("OPTIONS")).header("Call-ID")).toMatch(/^(?:good|once)-/);
  });

  test(`TR-25 ${records} records: the metric counts whose they are`, async () => {
    const admin = await Admin.choose();
    const company = await cast({ client: "tls", settings: { ...settings, SLUICE_ADMIN_LISTEN: admin.listen } });
    const ping = async (maxVersion: "TLSv1.2" | "TLSv1.3", ciphers: string): Promise<void> => {
      const socket = await RawSocket.open(company.client, { maxVersion, ciphers });
      socket.write("\r\n\r\n");
      await socket.until((octets) => octets.includes("\r\n"));
      socket.end();
    };
    await ping("TLSv1.3", "TLS_AES_128_GCM_SHA256");
    await ping("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256");
    await ping("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256");
    await ping("TLSv1.2", "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA");
    const count = async (series: RegExp): Promise<number> => Number(series.exec((await admin.get("/metrics")).text)?.[1]);
    const all = (): Promise<number> => count(/^sluice_tls_handshakes_total\{result="done"\} (\d+)$/m);
    const own = (): Promise<number> => count(/^sluice_tls_own_records_total (\d+)$/m);
    // Others have connected before, with the suites that everyone prefers.
    if (records === "own") await expect.poll(async () => (await all()) - (await own())).toBe(1);
    await expect.poll(all).toBeGreaterThan(4);
    expect((await own()) > 0).toBe(records === "own");
  });
}
