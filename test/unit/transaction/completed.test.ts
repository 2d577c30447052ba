/** How long what answers a retransmission is kept, and how much. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { CompletedTransactions } from "../../../src/transaction/completed.js";

const octets = Buffer.alloc(1);

test("TX-8 a response is kept for its time, and then nothing is left of it", async () => {
  const completed = new CompletedTransactions(50, 10, 1_000);
  completed.add("a", octets, "flow");
  expect(completed.get("a")?.way).toBe("flow");
  expect([...(completed.get("a")?.octets ?? [])]).toEqual([...octets]);
  await expect.poll(() => completed.size).toBe(0);
  completed.add("b", octets, "flow");
  await sleep(10);
  expect(completed.get("b")).toBeDefined();
  await expect.poll(() => completed.size).toBe(0);
});

test("if there are too many, the oldest is forgotten", () => {
  const completed = new CompletedTransactions(60_000, 3, 1_000);
  for (const key of ["a", "b", "c", "d", "e"]) completed.add(key, octets, "flow");
  expect(completed.size).toBe(3);
  expect(["a", "b", "c", "d", "e"].filter((key) => completed.get(key))).toEqual(["c", "d", "e"]);
});

test("long responses take the room of several, and the oldest ones make room", () => {
  const completed = new CompletedTransactions(60_000, 10, 1_000);
  for (const key of ["a", "b", "c"]) completed.add(key, new Uint8Array(400), "flow");
  expect(["a", "b", "c"].filter((key) => completed.get(key))).toEqual(["b", "c"]);
  // Adding the same one again takes no extra room.
  completed.add("c", new Uint8Array(400), "flow");
  expect(["b", "c"].filter((key) => completed.get(key))).toEqual(["b", "c"]);
});
