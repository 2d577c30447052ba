/** Messages of every length that may be received or sent, as HEP packets. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { HepSender } from "../../../src/observe/hep.js";
import type { Packet } from "../../../src/observe/packet.js";

const end = { ip: Buffer.alloc(16, 1), port: 5060 };
const packet = (octets: Buffer): Packet => ({ timeUs: 1n, from: end, to: end, overUdp: false, octets });

test("a message that no HEP packet can carry is lost and counted, whatever its length or its Call-ID", async () => {
  const homer = createSocket("udp4").bind(0, "127.0.0.1");
  onTestFinished(() => void homer.close());
  await once(homer, "listening");
  const sender = new HepSender({ host: "127.0.0.1", port: homer.address().port }, 1, pino({ level: "silent" }));
  onTestFinished(() => sender.close());
  const arrived: Buffer[] = [];
  homer.on("message", (octets) => arrived.push(octets));
  const small = packet(Buffer.from("OPTIONS sip:a SIP/2.0\r\nCall-ID: one\r\n\r\n"));
  // Its socket opens in a moment.
  await expect.poll(() => (sender.put(small), arrived.length)).toBeGreaterThan(0);
  const before = sender.lost;
  // The longest that may be received, and what relaying adds to it.
  for (const size of [65_507, 65_529, 65_530, 65_535, 70_000]) sender.put(packet(Buffer.alloc(size, "A")));
  sender.put(packet(Buffer.from(`OPTIONS sip:a SIP/2.0\r\nCall-ID: ${"x".repeat(60_000)}\r\n\r\n`)));
  expect(sender.lost - before).toBe(6);
  const count = arrived.length;
  sender.put(small);
  await expect.poll(() => arrived.length).toBeGreaterThan(count);
  expect(arrived.at(-1)?.toString("latin1", 0, 4)).toBe("HEP3");
});
