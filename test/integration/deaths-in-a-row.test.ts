/** One process after the other is killed, some of them right after they have taken over: phones over every transport keep their flows and speak all the time, and no nonce of TLS is used twice. */
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type TLSSocket, connect as connectTls } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { register } from "../support/calls.js";
import { type Cast, cast } from "../support/cast.js";
import { testCertificates, tlsSettings } from "../support/certificates.js";
import { MAIN } from "../support/edge.js";
import { crash } from "../support/kept-server.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import { StreamFramer } from "../support/stream-framer.js";
import { newBranch } from "../support/sip-text.js";
import type { Transport } from "../support/wire.js";

const LIMIT = { timeout: 120_000 };
const TRANSPORTS: readonly Transport[] = ["udp", "tcp", "ws", "tls", "wss"];
/** A server that has lived for that long does not count as one that crashes at once. */
const LONG_MS = 10_500;

interface Stage {
  readonly company: Cast;
  readonly ports: ReadonlyMap<Transport, number>;
  /** A request in each direction over every flow. */
  readonly allSpeak: () => Promise<void>;
}

async function stage(keeper: "on" | "off"): Promise<Stage> {
  const ports = new Map<Transport, number>();
  for (const transport of TRANSPORTS) ports.set(transport, await freePort("127.0.0.1"));
  const listen = [...ports].map(([transport, port]) => `${transport}:127.0.0.1:${port}`).join(",");
  const company = await cast({ process: true, own: true, program: MAIN, settings: { SLUICE_KEEPER: keeper, SLUICE_LISTEN: listen, SLUICE_SHARDS: "2", ...tlsSettings() } });
  const { C } = company;
  const phones: { readonly phone: Party; readonly path: readonly string[] }[] = [];
  for (const [transport, port] of ports) {
    const phone = new Party(`U-${transport}`, `127.0.0.1:${port}`, company.scene, company.company);
    phone.attach(await company.dial(phone, port, transport, 0));
    phones.push({ phone, path: await register(phone, C) });
  }
  const allSpeak = async (): Promise<void> => {
    for (const { phone, path } of phones) {
      await C.say(`MESSAGE sip:U@192.0.2.1 SIP/2.0\nRoute: ${path.join(", ")}`);
      await phone.request("MESSAGE");
      await phone.reply("200 OK");
      await C.response(200);
      expect(phone.wire.isOpen).toBe(true);
    }
  };
  return { company, ports, allSpeak };
}

/** Sends one OPTIONS after the other to the server itself, over a connection of which every octet from the server is looked at. */
class Talker {
  readonly #socket: Promise<TLSSocket>;
  readonly #framer = new StreamFramer();
  readonly #nonces = new Set<string>();
  #wire = Buffer.alloc(0);
  #isSealed = false;
  #goesOn = true;
  repeated = 0;
  answers = 0;
  isOpen = true;
  readonly #port: number;

  /** TLS 1.2 with AES-GCM, whose records carry their nonce in clear (RFC 5288 3). */
  constructor(port: number) {
    this.#port = port;
    this.#socket = this.#connect();
  }

  async #connect(): Promise<TLSSocket> {
    const relay = createServer((inner: Socket) => {
      const outer = connect(this.#port, "127.0.0.1");
      inner.on("data", (octets) => outer.write(octets)).on("close", () => outer.destroy()).on("error", () => undefined);
      outer.on("data", (octets) => {
        this.#look(octets);
        inner.write(octets);
      });
      outer.on("close", () => {
        this.isOpen = false;
        inner.destroy();
      }).on("error", () => undefined);
    });
    relay.listen(0, "127.0.0.1");
    await once(relay, "listening");
    const socket = connectTls({ port: (relay.address() as AddressInfo).port, host: "127.0.0.1", servername: "localhost", ca: testCertificates().authority.pem, maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" });
    socket.on("error", () => (this.isOpen = false));
    onTestFinished(() => {
      this.#goesOn = false;
      socket.destroy();
      relay.close();
    });
    await once(socket, "secureConnect");
    socket.on("data", (octets: Buffer) => {
      for (const message of this.#framer.push(octets)) if (message.startsWith("SIP/2.0 200")) this.#answered(socket);
    });
    this.#ask(socket);
    return socket;
  }

  #answered(socket: TLSSocket): void {
    this.answers += 1;
    if (this.#goesOn) this.#ask(socket);
  }

  #ask(socket: TLSSocket): void {
    const at = `127.0.0.1:${this.#port}`;
    socket.write(`OPTIONS sip:${at} SIP/2.0\r\nVia: SIP/2.0/TLS ${at};branch=${newBranch()};rport\r\nMax-Forwards: 70\r\nFrom: <sip:t@example.com>;tag=1\r\nTo: <sip:${at}>\r\nCall-ID: talker-${newBranch()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`);
  }

  /** What it asked may have been lost with the process: it asks again. */
  async speaks(): Promise<void> {
    const socket = await this.#socket;
    const before = this.answers;
    this.#ask(socket);
    await expect.poll(() => this.answers, { timeout: 20_000 }).toBeGreaterThan(before);
  }

  #look(octets: Buffer): void {
    this.#wire = Buffer.concat([this.#wire, octets]);
    while (this.#wire.length >= 5 && this.#wire.length >= 5 + this.#wire.readUInt16BE(3)) {
      const record = this.#wire.subarray(0, 5 + this.#wire.readUInt16BE(3));
      this.#wire = this.#wire.subarray(record.length);
      if (this.#isSealed) {
        const nonce = record.toString("hex", 5, 13);
        if (this.#nonces.has(nonce)) this.repeated += 1;
        this.#nonces.add(nonce);
      }
      // ChangeCipherSpec
      if (record[0] === 20) this.#isSealed = true;
    }
  }
}

/** The process that has taken over, which the one before would still replace. */
async function upgrade({ company: { SUT } }: Stage): Promise<number> {
  const before = SUT.output.length;
  SUT.signal("SIGUSR2");
  await expect.poll(() => SUT.output.slice(before), { timeout: 60_000, interval: 5 }).toContain("upgrade: another process has taken over");
  const line = SUT.output.slice(before).split("\n").find((one) => one.includes("another process has taken over")) ?? "{}";
  return Number((JSON.parse(line) as { readonly pid: number }).pid);
}

test.each(["on", "off"] as const)("a process that has taken over is killed when everybody has spoken over it, three times, SLUICE_KEEPER=%s", LIMIT, async (keeper) => {
  const all = await stage(keeper);
  const { company: { SUT }, ports } = all;
  const talker = new Talker(ports.get("tls") ?? 0);
  await talker.speaks();
  for (let round = 0; round < 3; round += 1) {
    const before = SUT.output.length;
    const successor = await upgrade(all);
    await all.allSpeak();
    await talker.speaks();
    process.kill(successor, "SIGKILL");
    await expect.poll(() => SUT.output.slice(before), { timeout: 60_000 }).toContain("has died: this one goes on");
    // The one that talks all the time may be in the middle of a message.
    expect(SUT.output.slice(before)).toMatch(/"lost":[01],[^\n]*has died: this one goes on/);
    await all.allSpeak();
    if (talker.isOpen) await talker.speaks();
  }
  // And then it works.
  const before = SUT.output.length;
  await upgrade(all);
  await all.allSpeak();
  await expect.poll(() => SUT.output.slice(before), { timeout: 60_000 }).toContain("all is handed over");
  await all.allSpeak();
  expect(talker.repeated).toBe(0);
});

test("five servers in a row are killed under load, with requests over every flow in between, and a sixth later", LIMIT, async () => {
  const all = await stage("on");
  const { company: { SUT }, ports } = all;
  const talkers = Array.from({ length: 6 }, () => new Talker(ports.get("tls") ?? 0));
  for (const talker of talkers) await talker.speaks();
  let lost = 0;
  for (let crashes = 1; crashes <= 6; crashes += 1) {
    const open = talkers.filter(({ isOpen }) => isOpen).length;
    if (crashes === 5) await sleep(LONG_MS);
    const said = await crash(SUT);
    expect(said).toMatchObject({ crashes });
    // The phones, and whoever of the others was not in the middle of a message.
    expect(said.kept + said.lost).toBe(4 + open);
    expect(said.kept).toBeGreaterThanOrEqual(4);
    lost += said.lost;
    await all.allSpeak();
    await expect.poll(() => talkers.filter(({ isOpen }) => !isOpen).length).toBe(lost);
    for (const talker of talkers) if (talker.isOpen) await talker.speaks();
  }
  expect(lost).toBeLessThan(6);
  expect(talkers.reduce((sum, { repeated }) => sum + repeated, 0)).toBe(0);
  await expect.poll(() => talkers.reduce((sum, { answers }) => sum + answers, 0)).toBeGreaterThan(1_000);
});
