/** What the object path learns of a message of the batch. */
import { expect, test } from "vitest";
import { Arrivals } from "../../../src/native/arrivals.js";

/** A shard whose batch has these messages, each with the place that it came from. */
function shardWith(messages: readonly (readonly [place: string, size: number, loop: number])[]): ConstructorParameters<typeof Arrivals>[0] {
  const octetsOf = (item: number): Uint8Array => new Uint8Array(messages[item]?.[1] ?? 0).fill(item + 1);
  return {
    message: octetsOf,
    arrival: (item, numbers, room, at) => {
      const [place = "", size = 0, loop = 0] = messages[item] ?? [];
      numbers.set([size, loop]);
      if (size <= room.length - at) room.set(octetsOf(item), at);
      return place;
    },
  };
}

const CLIENT = "192.0.2.1\n5060\n1\n0\nu/192.0.2.1/5060\n";
const EDGE = "10.0.0.1\n5070\n0\n1\nu/10.0.0.1/5070\nu/10.0.0.1/5071\ntls\n2001:db8::1\n5061";

test("where a client's message came from, and its loop hash", () => {
  const arrivals = new Arrivals(shardWith([[CLIENT, 3, -1]]));
  const origin = { address: "192.0.2.1", port: 5_060, listener: 1, flow: "u/192.0.2.1/5060", answerFlow: "u/192.0.2.1/5060", fromCore: false };
  expect(arrivals.take(0)).toEqual({ octets: Buffer.from([1, 1, 1]), origin, loop: 0xffff_ffff });
});

test("where a neighbour's came from, where its answer goes, and where it wants to be reached; the next client's is not the same", () => {
  const arrivals = new Arrivals(shardWith([[EDGE, 1, 7], [EDGE, 1, 8], [CLIENT, 1, 9]]));
  const [first, second, third] = [0, 1, 2].map((item) => arrivals.take(item));
  expect(first?.origin).toMatchObject({ fromCore: true, answerFlow: "u/10.0.0.1/5071", neighbour: { transport: "tls", address: "2001:db8::1", port: 5_061 } });
  expect(second?.origin).toBe(first?.origin);
  expect([first?.loop, second?.loop]).toEqual([7, 8]);
  expect(third?.origin).toMatchObject({ address: "192.0.2.1", fromCore: false });
  expect(third?.origin).not.toHaveProperty("neighbour");
});

test("messages keep their octets when others come, whatever fits into the memory that they share", () => {
  const sizes = [700, 4_000, 5_000, 3_500, 3_000, 8_192, 8_193, 60_000, 100, 0];
  const arrivals = new Arrivals(shardWith(sizes.map((size) => [CLIENT, size, 0])));
  const taken = sizes.map((_, item) => arrivals.take(item).octets);
  for (const [item, octets] of taken.entries()) {
    expect(octets.length).toBe(sizes[item]);
    expect(octets.every((octet) => octet === item + 1)).toBe(true);
  }
});
