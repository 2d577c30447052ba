/** How long responses are kept, and how many. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { AnsweredRequests } from "../../../src/transaction/answered-requests.js";

const octets = Buffer.alloc(1);

test("TX-8 a response is kept for its time, and then nothing is left of it", async () => {
  const answered = new AnsweredRequests(50, 10, 1_000);
  answered.add("a", octets, "flow");
  expect(answered.get("a")?.flow).toBe("flow");
  expect([...(answered.get("a")?.octets ?? [])]).toEqual([...octets]);
  await expect.poll(() => answered.size).toBe(0);
  answered.add("b", octets, "flow");
  await sleep(10);
  expect(answered.get("b")).toBeDefined();
  await expect.poll(() => answered.size).toBe(0);
});

test("if there are too many, the oldest is forgotten", () => {
  const answered = new AnsweredRequests(60_000, 3, 1_000);
  for (const key of ["a", "b", "c", "d", "e"]) answered.add(key, octets, "flow");
  expect(answered.size).toBe(3);
  expect(["a", "b", "c", "d", "e"].filter((key) => answered.get(key))).toEqual(["c", "d", "e"]);
});

test("long responses take the room of several, and the oldest ones make room", () => {
  const answered = new AnsweredRequests(60_000, 10, 1_000);
  for (const key of ["a", "b", "c"]) answered.add(key, new Uint8Array(400), "flow");
  expect(["a", "b", "c"].filter((key) => answered.get(key))).toEqual(["b", "c"]);
  // Adding the same one again takes no extra room.
  answered.add("c", new Uint8Array(400), "flow");
  expect(["b", "c"].filter((key) => answered.get(key))).toEqual(["b", "c"]);
});
