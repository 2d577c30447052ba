/** TLS towards clients: versions, names, certificates that change, sessions, and peers that do not speak it (RFC 3261 26.3.1). */
import { execFile } from "node:child_process";
import { copyFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionOptions, type TLSSocket, connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { cast } from "../support/cast.js";
import { inDialog, register } from "../support/calls.js";
import { Authority, type CertificateFiles, testCertificates, tlsSettings } from "../support/certificates.js";
import { Edge } from "../support/edge.js";
import { freePort, hostPort } from "../support/ports.js";
import { RawSocket } from "../support/raw-socket.js";
import { complete } from "../support/sip-text.js";
import { TcpConnection } from "../support/tcp-connection.js";

const PHONE = { name: "phone", at: "192.0.2.1:5061", transport: "tls", scene: "phone" } as const;
const OPTIONS = complete("OPTIONS sip:bob@example.com SIP/2.0", PHONE);

async function handshake(at: string, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const [host = "", port] = at.split(":");
  const socket = connect({ host, port: Number(port), ca: testCertificates().authority.pem, servername: "edge.example.org", ...options });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  return socket;
}

function names(socket: TLSSocket): string {
  return socket.getPeerCertificate().subjectaltname ?? "";
}

function copyOf(files: CertificateFiles, name: string): CertificateFiles {
  const { folder } = testCertificates().authority;
  const copy = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
  copyFileSync(files.certificate, copy.certificate);
  copyFileSync(files.key, copy.key);
  return copy;
}

test("TR-25 TLS 1.3 and 1.2 are spoken, older versions are not", async () => {
  const { client } = await cast({ client: "tls" });
  expect((await handshake(client)).getProtocol()).toBe("TLSv1.3");
  expect((await handshake(client, { maxVersion: "TLSv1.2" })).getProtocol()).toBe("TLSv1.2");
  await expect(handshake(client, { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" })).rejects.toThrow();
});

test("TR-28 an offered ALPN sip/2 does no harm", async () => {
  const { client, C } = await cast({ client: "tls" });
  const socket = await handshake(client, { ALPNProtocols: ["sip/2"] });
  socket.write(OPTIONS);
  await C.request("OPTIONS");
});

test("TR-25 the certificate follows the name that the client asked for", async () => {
  const { authority, edge } = testCertificates();
  const other = authority.issue(["DNS:other.example.org", "DNS:*.wild.example.org"]);
  const settings = { SLUICE_TLS_CERT: `${edge.certificate},${other.certificate}`, SLUICE_TLS_KEY: `${edge.key},${other.key}` };
  const { client } = await cast({ client: "tls", settings });
  expect(names(await handshake(client))).toContain("edge.example.org");
  expect(names(await handshake(client, { servername: "other.example.org" }))).toContain("other.example.org");
  expect(names(await handshake(client, { servername: "a.wild.example.org" }))).toContain("other.example.org");
  expect(names(await handshake(client, { servername: "nobody.example.org", rejectUnauthorized: false }))).toContain("edge.example.org");
});

for (const rule of ["optional", "require"] as const) {
  test(`TR-25 client certificates, ${rule}: a valid one is accepted, an unknown one is not, and none only if that is allowed`, async () => {
    const { authority } = testCertificates();
    const client = hostPort("127.0.0.1", await freePort());
    const edge = await Edge.start({ ...tlsSettings(), SLUICE_LISTEN: `udp:${client},tls:${client}`, SLUICE_TLS_CLIENT_CERT: rule });
    onTestFinished(() => edge.stop());
    const isServed = async (files?: CertificateFiles): Promise<boolean> => {
      const shown = files === undefined ? {} : { cert: readFileSync(files.certificate), key: readFileSync(files.key) };
      const socket = await handshake(client, shown);
      socket.write("\r\n\r\n");
      // With TLS 1.3 the client learns of a refusal when it reads.
      return Promise.race([once(socket, "data").then(() => true, () => false), once(socket, "close").then(() => false)]);
    };
    expect(await isServed(authority.issue(["DNS:phone.example.org"]))).toBe(true);
    expect(await isServed(new Authority().issue(["DNS:phone.example.org"]))).toBe(false);
    expect(await isServed()).toBe(rule === "optional");
  });
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`TR-27 a session resumes in any shard, ${version}`, { timeout: 30_000 }, async () => {
    const { client, C } = await cast({ client: "tls", settings: { SLUICE_SHARDS: "3" } });
    const first = await handshake(client, { maxVersion: version });
    let session: Buffer | undefined = version === "TLSv1.2" ? first.getSession() : undefined;
    first.on("session", (ticket: Buffer) => (session = ticket));
    first.write(OPTIONS);
    await C.request("OPTIONS");
    await expect.poll(() => session).toBeDefined();
    const resumed = [];
    for (let at = 0; at < 12; at += 1) {
      const socket = await handshake(client, { maxVersion: version, session });
      resumed.push(socket.isSessionReused());
      socket.destroy();
    }
    expect(resumed).toEqual(Array<boolean>(12).fill(true));
  });
}

test("TR-27 a client that asks for renegotiation does not get it", async () => {
  const { client } = await cast({ client: "tls" });
  const socket = await handshake(client, { maxVersion: "TLSv1.2" });
  const answer = await new Promise<unknown>((resolve) => {
    socket.renegotiate({ rejectUnauthorized: false }, resolve);
    socket.once("close", () => resolve("closed"));
    socket.once("error", resolve);
  });
  expect(answer === "closed" || answer instanceof Error).toBe(true);
});

test("TR-17 every octet of a TLS stream may arrive alone", { timeout: 40_000 }, async () => {
  const { client, C } = await cast({ client: "tls" });
  const bare = await RawSocket.open(client);
  onTestFinished(() => bare.end());
  bare.socket.setNoDelay(true);
  const queue: number[] = [];
  let writing: Promise<void> | undefined;
  const drip = async (): Promise<void> => {
    for (let octet = queue.shift(); octet !== undefined; octet = queue.shift()) {
      bare.write(Buffer.from([octet]));
      if (queue.length % 8 === 0) await sleep(1);
    }
    writing = undefined;
  };
  const slow = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      queue.push(...bytes);
      writing ??= drip();
      done();
    },
  });
  bare.socket.on("data", (bytes) => slow.push(bytes));
  const socket = connect({ socket: slow, rejectUnauthorized: false });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  socket.write(OPTIONS + OPTIONS.replaceAll("Call-ID: ", "Call-ID: second-"));
  await C.request("OPTIONS");
  await C.request("OPTIONS");
});

test("TR-20 TR-27 half a handshake is closed when its time is up", { timeout: 20_000 }, async () => {
  const { client } = await cast({ client: "tls", settings: { SLUICE_HANDSHAKE_SECONDS: "1" } });
  const silent = await RawSocket.open(client);
  const begun = await RawSocket.open(client);
  begun.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  await Promise.all([silent.expectClosed(4_000), begun.expectClosed(4_000)]);
});

test("TR-25 plain SIP, HTTP and noise on a TLS port are closed and reported, TLS on a plain port too", async () => {
  const { client, SUT } = await cast({ client: "tls", own: true });
  for (const octets of [OPTIONS, "GET / HTTP/1.1\r\n\r\n", "\r\n\r\n\r\n\r\n", "\x80".repeat(50), "\x16\x03\x01\xff\xff" + "x".repeat(100)]) {
    const socket = await RawSocket.open(client);
    socket.write(octets);
    await socket.expectClosed();
  }
  await expect.poll(() => SUT.output).toContain("a TLS connection failed");
  const plain = await cast({ client: "tcp" });
  const socket = await RawSocket.open(plain.client);
  socket.write("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
  await socket.expectClosed();
});

test("TR-25 openssl s_client as a phone", async () => {
  const { client, C } = await cast({ client: "tls" });
  const child = execFile("openssl", ["s_client", "-connect", client, "-CAfile", testCertificates().authority.file, "-verify_return_error", "-quiet", "-no_ign_eof"]);
  onTestFinished(() => void child.kill());
  let output = "";
  child.stdout?.on("data", (text: string) => (output += text));
  child.stdin?.write(OPTIONS);
  await C.request("OPTIONS");
  await C.reply("200 OK");
  await expect.poll(() => output).toContain("SIP/2.0 200 OK");
});

for (const version of ["-tls1_2", "-tls1_3"] as const) {
  test(`CR-7 the edge ends a TLS connection with close_notify, ${version}`, async () => {
    const { client } = await cast({ client: "tls", settings: { SLUICE_IDLE_SECONDS: "1" } });
    const child = execFile("openssl", ["s_client", "-connect", client, "-CAfile", testCertificates().authority.file, "-msg", version]);
    onTestFinished(() => void child.kill());
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (text: string) => (output += text));
    child.stdin?.write(OPTIONS);
    await once(child, "exit");
    expect(output).toMatch(/^<<< .*close_notify/m);
    expect(output).not.toContain("unexpected eof");
  });
}

test("TR-25 SA-16 certificates are reloaded on SIGHUP and when a file changes, and no flow is lost; a bad file changes nothing", { timeout: 40_000 }, async () => {
  const { authority, edge } = testCertificates();
  const live = copyOf(edge, "live");
  const admin = await Admin.choose();
  const settings = { SLUICE_TLS_CERT: live.certificate, SLUICE_TLS_KEY: live.key, SLUICE_ADMIN_LISTEN: admin.listen };
  const { U, C, client, SUT } = await cast({ process: true, client: "tls", settings });
  const path = await register(U, C);
  let asked = 0;
  const stillThere = async (): Promise<void> => {
    asked += 1;
    await C.say(inDialog("OPTIONS", `sip:U@${U.at}`, `\nRoute: ${path.join(", ")}`, `alive-${asked}@${U.scene}`));
    await U.request("OPTIONS");
    await U.reply("200 OK");
    await C.response(200);
  };
  await stillThere();

  const second = authority.issue(["DNS:second.example.org"]);
  copyFileSync(second.key, `${live.key}.new`);
  copyFileSync(second.certificate, `${live.certificate}.new`);
  renameSync(`${live.key}.new`, live.key);
  renameSync(`${live.certificate}.new`, live.certificate);
  SUT.signal("SIGHUP");
  await expect.poll(async () => names(await handshake(client, { rejectUnauthorized: false }))).toContain("second.example.org");
  await stillThere();

  // Only the key changes: it does not match, so the old pair stays in force.
  copyFileSync(edge.key, live.key);
  await expect.poll(() => SUT.output).toContain("keeping the previous ones");
  expect(names(await handshake(client, { rejectUnauthorized: false }))).toContain("second.example.org");
  writeFileSync(live.certificate, "no certificate");
  await sleep(1_500);
  expect(names(await handshake(client, { rejectUnauthorized: false }))).toContain("second.example.org");

  // Without a signal: the change of the file is enough.
  const third = authority.issue(["DNS:third.example.org"], { days: 5 });
  writeFileSync(live.certificate, readFileSync(third.certificate));
  writeFileSync(live.key, readFileSync(third.key));
  await expect.poll(async () => names(await handshake(client, { rejectUnauthorized: false }))).toContain("third.example.org");
  await expect.poll(() => SUT.output).toContain("a certificate is about to expire");
  const views = (await admin.get("/api/certificates")).json["certificates"];
  expect(views).toMatchObject([{ file: live.certificate, names: ["DNS:third.example.org"], daysLeft: 4 }]);
  const expiry = /^sluice_certificate_expiry_timestamp_seconds\{file="[^"]*"\} (\S+)$/m.exec((await admin.get("/metrics")).text)?.[1];
  expect(Number(expiry) * 1_000).toBeGreaterThan(Date.now());
  await stillThere();
});

test("TR-25 certificates change under traffic: all of 200 connections are served", async () => {
  const { authority, edge } = testCertificates();
  const live = copyOf(edge, "busy");
  // A ping is not a message, and on a slow machine this may take longer than a connection may be without one.
  const settings = { SLUICE_TLS_CERT: live.certificate, SLUICE_TLS_KEY: live.key, SLUICE_FIRST_MESSAGE_SECONDS: "3600" };
  const { client, SUT } = await cast({ process: true, client: "tls", settings });
  const changes = Array.from({ length: 4 }, () => authority.issue(["DNS:edge.example.org"]));
  const answered: string[] = [];
  const connections: TcpConnection[] = [];
  const [host = "", port] = client.split(":");
  for (let at = 0; at < 200; at += 1) {
    if (at % 50 === 25) {
      const next = changes[Math.floor(at / 50)];
      if (next === undefined) throw new Error("no certificate left");
      copyFileSync(next.certificate, live.certificate);
      copyFileSync(next.key, live.key);
      SUT.signal("SIGHUP");
    }
    const connection = await TcpConnection.open({ host, port: Number(port) }, ({ text }) => answered.push(text.slice(0, 11)), { transport: "tls" });
    connections.push(connection);
    // The new connection, and one that began with an earlier certificate.
    await Promise.all([connection, connections[Math.floor(at / 2)] ?? connection].map((one) => one.send("\r\n\r\n")));
  }
  await expect.poll(() => answered.length).toBe(400);
  expect(connections.every(({ isOpen }) => isOpen)).toBe(true);
  await Promise.all(connections.map((connection) => connection.close()));
});

test("TR-25 starting with a bad certificate fails with one line that names the variable", async () => {
  const { edge } = testCertificates();
  const launched = Edge.launch({ SLUICE_LISTEN: "tls:127.0.0.1:0", SLUICE_TLS_CERT: edge.key, SLUICE_TLS_KEY: edge.key });
  onTestFinished(() => launched.stop());
  expect(await launched.exited()).toBe(1);
  expect(launched.output).toMatch(/sluice: SLUICE_TLS_CERT: expected a valid PEM file: /);
});

test("OB-4.3-3 a name that no certificate covers is reported at the start", async () => {
  const port = await freePort();
  const start = async (name: string): Promise<string> => {
    const edge = await Edge.start({ ...tlsSettings(), SLUICE_LISTEN: `udp:127.0.0.1:${port},tls:127.0.0.1:${port};advertise=${name}:5061` });
    await edge.stop();
    return edge.output;
  };
  expect(await start("edge.example.org")).not.toContain("no certificate covers the name");
  expect(await start("other.example.org")).toContain("no certificate covers the name");
});
