/** What an operator asks a whole farm, at any of its edges: where a phone is, whether the others answer, and to rotate the keys. */
import { expect, test } from "vitest";
import { MAIN } from "../support/edge.js";
import { FarmOfEdges } from "../support/farm.js";

const INVITE = "INVITE sip:U@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";

interface Ring {
  readonly keys: readonly { readonly id: number; readonly signs: boolean }[];
}

test("every edge says where a phone is, names those that do not answer, and its metrics show which of the others are up", async () => {
  const farm = await FarmOfEdges.administered(3, MAIN);
  const U = await farm.client("U", 2, "tcp");
  await farm.register(U);
  for (const node of [1, 2, 3]) {
    const { status, json } = await farm.ask(node, "GET", "where/somebody@example.com");
    expect(status).toBe(200);
    expect(json["silent"]).toEqual([]);
    expect(json["flows"]).toEqual([expect.objectContaining({ node: 2, transport: "tcp" })]);
  }
  expect((await farm.ask(1, "GET", "where/absent@example.com")).json).toEqual({ mode: "edge", isFarm: true, flows: [], silent: [] });
  await expect.poll(() => farm.metric(1, 'sluice_farm_node_up{node="2"}')).toBe("1");
  await expect.poll(() => farm.metric(1, 'sluice_farm_node_up{node="3"}')).toBe("1");
  expect(await farm.metric(1, 'sluice_farm_node_up{node="1"}')).toBeUndefined();
  await farm.edges[2]?.kill();
  const { json } = await farm.ask(1, "GET", "where/somebody@example.com");
  expect(json["flows"]).toEqual([expect.objectContaining({ node: 2 })]);
  expect(json["silent"]).toEqual([{ node: 3, error: expect.stringContaining("ECONNREFUSED") as string }]);
});

test("every edge says how all of them do, the one that answers and those that do not", async () => {
  const farm = await FarmOfEdges.administered(3, MAIN);
  await farm.register(await farm.client("U", 2, "tcp"));
  await farm.edges[2]?.kill();
  const { nodes } = (await farm.ask(1, "GET", "farm")).json as { readonly nodes: readonly Record<string, unknown>[] };
  expect(nodes).toEqual([
    expect.objectContaining({ node: 1, isThis: true, state: "up", flows: expect.objectContaining({ stream: 0 }) as object }),
    expect.objectContaining({ node: 2, isThis: false, state: "up", flows: expect.objectContaining({ stream: 1 }) as object, version: expect.any(String) as string }),
    { node: 3, isThis: false, error: expect.stringContaining("ECONNREFUSED") as string },
  ]);
  expect((await farm.ask(1, "GET", "status")).json).toMatchObject({ node: 1, neighbours: 2 });
});

test("keys are rotated on all edges from one of them, and tokens of before and of now are good everywhere; a key that is dropped is gone everywhere", async () => {
  const farm = await FarmOfEdges.administered(2);
  const rings = async (): Promise<string[]> => Promise.all([1, 2].map(async (node) => ((await farm.ask(node, "GET", "keys")).json as unknown as Ring).keys.map(({ id }) => id).join(" ")));
  const U = await farm.client("U", 1, "tcp");
  const before = await farm.register(U);
  expect((await farm.ask(2, "POST", "keys/rotate", { farm: "1" })).status).toBe(200);
  expect(await rings()).toEqual(["2 1", "2 1"]);
  const V = await farm.client("V", 2, "tcp");
  const after = await farm.register(V);
  const A = await farm.caller("A", 2);
  const B = await farm.caller("B", 1);
  for (const [caller, phone, path] of [[A, U, before], [B, V, after]] as const) {
    await caller.say(`${INVITE}\n${path}`);
    await phone.request("INVITE");
    await phone.reply("486 Busy Here");
    await caller.response(486);
  }
  // The key that signs stays.
  expect((await farm.ask(1, "DELETE", "keys/2", { farm: "1" })).status).toBe(409);
  expect((await farm.ask(1, "DELETE", "keys/1", { farm: "1" })).status).toBe(200);
  expect(await rings()).toEqual(["2", "2"]);
  await B.say(`${INVITE}\n${before}\nCall-ID: late@${farm.scene}`);
  await B.response(430);
});

test("keys are rotated again and again while every edge gets tokens of every other one, and while phones register: none is refused", async () => {
  const farm = await FarmOfEdges.administered(3);
  const phones = await Promise.all([1, 2, 3].map((node) => farm.client(`U${node}`, node, "tcp")));
  const callers = await Promise.all([1, 2, 3].map((node) => farm.caller(`A${node}`, node)));
  let isOver = false;
  const rotations = (async () => {
    for (let time = 0; time < 6; time += 1) expect((await farm.ask(1 + (time % 3), "POST", "keys/rotate", { farm: "1" })).json["error"]).toBeUndefined();
  })().finally(() => (isOver = true));
  let sent = 0;
  while (!isOver) {
    for (const phone of phones) {
      const route = await farm.register(phone);
      for (const caller of callers) {
        await caller.say(`MESSAGE sip:U@example.com SIP/2.0\nCall-ID: ${sent}@${farm.scene}\n${route}`);
        await phone.request("MESSAGE");
        await phone.reply("200 OK");
        await caller.response(200);
        sent += 1;
      }
    }
  }
  await rotations;
  expect(sent).toBeGreaterThan(9);
});

test("a rotation that meets an edge that is away stops before any edge signs with the new key, and goes on when it is back", async () => {
  const farm = await FarmOfEdges.administered(3, MAIN);
  await farm.edges[2]?.kill();
  const stopped = await farm.ask(1, "POST", "keys/rotate", { farm: "1" });
  expect(stopped.status).toBe(409);
  expect(stopped.json["error"]).toMatch(/^node 3: .*does not answer.*; nothing has changed$/);
  await farm.edges[2]?.restart();
  await expect.poll(async () => (await farm.ask(1, "POST", "keys/rotate", { farm: "1" })).status).toBe(200);
  for (const node of [1, 2, 3]) expect(((await farm.ask(node, "GET", "keys")).json as unknown as Ring).keys.map(({ id }) => id)).toEqual([2, 1]);
  // Half-way: this edge has a new key last, and nobody else has it.
  await farm.ask(1, "POST", "keys", { key: `7:${Buffer.alloc(32, 9).toString("base64")}` });
  expect((await farm.ask(1, "POST", "keys/rotate", { farm: "1" })).status).toBe(200);
  for (const node of [1, 2, 3]) expect(((await farm.ask(node, "GET", "keys")).json as unknown as Ring).keys.map(({ id }) => id)).toEqual([7, 2, 1]);
  // A key that only another one has: whose it is, this one cannot know.
  await farm.ask(3, "POST", "keys", { key: `9:${Buffer.alloc(32, 8).toString("base64")}` });
  expect((await farm.ask(1, "POST", "keys/rotate", { farm: "1" })).json["error"]).toContain("node 3 has key 9");
  for (const bad of ["1", "7:short", "99:AAAA"]) expect((await farm.ask(1, "POST", "keys", { key: bad })).status).toBe(400);
});
