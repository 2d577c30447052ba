/** Something else than an admin plane is where an edge of the farm should be: it is named, and nothing of what it says is passed on. */
import { createServer, type Server, type Socket } from "node:net";
import { onTestFinished, expect, test } from "vitest";
import { FarmOfEdges } from "../support/farm.js";

type Answer = (socket: Socket) => void;

/** Edge 2 is only listed; `answer` is what happens at its admin plane. */
async function farmWith(answer: { is: Answer }): Promise<FarmOfEdges> {
  const farm = await FarmOfEdges.administered(1, undefined, 2);
  const { hostname, port } = new URL(farm.adminUrl(2));
  const sockets = new Set<Socket>();
  const liar = await new Promise<Server>((resolve) => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("data", () => answer.is(socket));
    }).listen(Number(port), hostname, () => resolve(server));
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    liar.close();
  });
  return farm;
}

const json = (text: string): Answer => (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`);
const GOOD = { version: "1", state: "up", drain: null, uptimeSeconds: 1, flows: { stream: 1, udp: 2, limit: 3 }, pending: 0 };
const IN_FARM = { mode: "edge", isFarm: true };
const status = (but: object): string => JSON.stringify({ ...GOOD, ...but });

test("a neighbour whose answer is not what it should be is named as one that cannot be read, and the others are shown", async () => {
  const answer = { is: json(status({})) };
  const farm = await farmWith(answer);
  const second = async (): Promise<unknown> => {
    const { status: code, json: said } = await farm.ask(1, "GET", "farm");
    const nodes = said["nodes"] as readonly { readonly node: number }[] | undefined;
    expect({ code, nodes: nodes?.map(({ node }) => node) }).toEqual({ code: 200, nodes: [1, 2] });
    return nodes?.[1];
  };
  expect(await second()).toEqual({ node: 2, isThis: false, ...GOOD });
  const nested = (depth: number): string => status({ drain: "deep" }).replace('"deep"', `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`);
  answer.is = json(nested(10));
  expect(await second()).toEqual({ node: 2, isThis: false, ...GOOD });
  const wrong = ["null", "7", "[]", "{}", status({ flows: null }), status({ flows: "<b>" }), status({ state: "constructor" }), status({ version: ["<script>"] }), status({ version: "x".repeat(1_000) }), status({ pending: { a: 1 } }), nested(20_000), nested(100), status({ note: "x".repeat(300_000) })];
  for (const text of wrong) {
    answer.is = json(text);
    expect(await second(), text.slice(0, 100)).toEqual({ node: 2, isThis: false, error: expect.stringContaining("admin plane") as string });
  }
});

test("a neighbour that leaves HTTP has not answered, and nobody waits for it", async () => {
  const farm = await farmWith({ is: (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n") });
  const error = expect.stringContaining("admin plane") as string;
  expect((await farm.ask(1, "GET", "farm")).json["nodes"]).toEqual([expect.objectContaining({ node: 1 }), { node: 2, isThis: false, error }]);
  expect((await farm.ask(1, "GET", "where/x@example.com")).json).toEqual({ ...IN_FARM, flows: [], silent: [{ node: 2, error }] });
});

test("where a phone is: a neighbour can say neither that another edge has it nor what is not a flow, and is named if it says what is none", async () => {
  const answer = { is: json("{}") };
  const farm = await farmWith(answer);
  const flow = { id: "0.1.1", transport: "tcp", address: "192.0.2.1", port: 5060, idleMs: 7, aors: [{ aor: "x@example.com" }] };
  for (const flows of [null, "flows", {}, [null, 7, { ...flow, id: 1 }, { ...flow, aors: "x" }, { ...flow, aors: [null] }, { ...flow, address: undefined }, { ...flow, port: "5060" }, { ...flow, port: null }, { ...flow, idleMs: {} }, { ...flow, transport: 7 }]]) {
    answer.is = json(JSON.stringify({ flows }));
    expect(await farm.ask(1, "GET", "where/x@example.com")).toEqual({ status: 200, json: { ...IN_FARM, flows: [], silent: [{ node: 2, error: expect.stringContaining("admin plane") as string }] } });
  }
  answer.is = json(JSON.stringify({ flows: [] }));
  expect((await farm.ask(1, "GET", "where/x@example.com")).json).toEqual({ ...IN_FARM, flows: [], silent: [] });
  answer.is = json(JSON.stringify({ flows: [{ ...flow, node: "<b>" }] }));
  expect((await farm.ask(1, "GET", "where/x@example.com")).json["flows"]).toEqual([{ ...flow, node: 2 }]);
});

test("a neighbour that names no keys, or lies about them, stops a rotation with a line that names it, and nobody signs with another key", async () => {
  const answer = { is: json("{}") };
  const farm = await farmWith(answer);
  const rings = async (): Promise<string[]> => ((await farm.ask(1, "GET", "keys")).json["keys"] as readonly { readonly id: number; readonly signs: boolean }[]).map(({ id, signs }) => `${id}${signs ? " signs" : ""}`);
  const before = await rings();
  for (const keys of [null, 7, "keys", {}, [null], [7], [[]], [{}], [{ id: "1", signs: true }], [{ id: 1 }], [{ id: null, signs: null }]]) {
    answer.is = json(JSON.stringify({ keys }));
    const { status, json: said } = await farm.ask(1, "POST", "keys/rotate", { farm: "1" });
    expect({ keys, status, error: said["error"] }).toEqual({ keys, status: 409, error: expect.stringMatching(/^node 2: it names no keys; nothing has changed$/) as string });
    expect((await farm.ask(1, "DELETE", "keys/1", { farm: "1" })).status).toBe(409);
  }
  expect(await rings()).toEqual(before);
  // It says that it has the new key, and that it does not sign with it; it says no more than that it has the old one.
  answer.is = json(JSON.stringify({ keys: [{ id: 1, signs: true }] }));
  const { status, json: said } = await farm.ask(1, "POST", "keys/rotate", { farm: "1" });
  expect({ status, error: said["error"] }).toEqual({ status: 409, error: expect.stringMatching(/^node 2 did not keep key 2; no edge signs with it yet, so all tokens verify$/) as string });
  expect(await rings()).toEqual(["1 signs", "2"]);
});
