/** Edges by the number behind one name: whichever of them gets a request with a token, the request reaches the flow (RFC 5626 5.3). */
import { expect, test } from "vitest";
import { MAIN } from "../support/edge.js";
import { FarmOfEdges } from "../support/farm.js";

const INVITE = "INVITE sip:U@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";

test.each([
  ["udp", "udp"],
  ["tcp", "udp"],
  ["tcp", "tcp"],
] as const)("a call that reaches the wrong edge rings over the flow that another one has, %s, %s between the edges", async (transport, between) => {
  const farm = await FarmOfEdges.start(2, between);
  const U = await farm.client("U", 1, transport);
  const path = await farm.register(U);
  const A = await farm.caller("A", 2);

  await A.say(`${INVITE}\n${path}`);
  const invite = await U.request("INVITE");
  expect(invite.all("Route")).toEqual([]);
  const recorded = invite.all("Record-Route");
  // Only the edge that has the flow stays in the dialog.
  expect(recorded).toHaveLength(2);
  await U.reply("200 OK", `${recorded.map((value) => `Record-Route: ${value}`).join("\n")}\nContact: <sip:U@${U.at}>`);
  const ok = await A.response(200);
  const dialog = (route: readonly string[]): string =>
    `${route.map((value) => `Route: ${value}`).join("\n")}\nCall-ID: ${ok.header("Call-ID")}`;
  const fromA = `${dialog([...recorded].reverse())}\nFrom: ${ok.header("From")}\nTo: ${ok.header("To")}`;
  await A.say(`ACK sip:U@${U.at} SIP/2.0\n${fromA}`);
  await U.request("ACK");
  await A.say(`INFO sip:U@${U.at} SIP/2.0\n${fromA}\nCSeq: 2 INFO`);
  await U.request("INFO");
  await U.reply("200 OK");
  await A.response(200);
  await U.say(`BYE sip:A@192.0.2.1 SIP/2.0\n${dialog(recorded)}\nFrom: ${ok.header("To")}\nTo: ${ok.header("From")}`);
  await farm.C.request("BYE");
  await farm.C.reply("200 OK");
  await U.response(200);
});

test("CANCEL follows its INVITE to the other edge, and the 487 comes back", async () => {
  const farm = await FarmOfEdges.start(2, "udp");
  const U = await farm.client("U", 1, "tcp");
  const path = await farm.register(U);
  const A = await farm.caller("A", 2);
  const rest = `Via: SIP/2.0/UDP ${A.at};branch=z9hG4bK-call\n${path}\nCall-ID: cancelled@${farm.scene}\nFrom: <sip:A@example.net>;tag=a`;
  await A.say(`${INVITE}\n${rest}`);
  await U.request("INVITE");
  await U.reply("180 Ringing");
  await A.response(180);
  const ringing = U.last;
  await A.say(`CANCEL sip:U@example.com SIP/2.0\n${rest}\nCSeq: 1 CANCEL`);
  await U.request("CANCEL");
  await U.reply("200 OK");
  await A.response(200);
  await U.reply("487 Request Terminated", "", ringing);
  await A.response(487);
});

test("a flow that its edge has lost is 430, a forged token 403, and the token of an edge that nobody knows 430", async () => {
  const farm = await FarmOfEdges.start(2, "udp");
  const U = await farm.client("U", 1, "tcp");
  const path = await farm.register(U);
  const A = await farm.caller("A", 2);
  await A.say(`${INVITE}\n${path.replace(/sip:(..).(.)/, "sip:$1x$2")}`);
  await A.response(403);
  await U.close();
  await farm.C.nothing();
  await A.say(`${INVITE}\n${path}`);
  await A.response(430);
  // As if the second edge had been taken out of the list: same name, same keys.
  const alone = await FarmOfEdges.start(1, "udp");
  const V = await farm.client("V", 2, "tcp");
  const gone = (await farm.register(V)).replaceAll(/farm\.example:\d+/g, `farm.example:${alone.corePort}`);
  const B = await alone.caller("B", 1);
  await B.say(`${INVITE}\n${gone}`);
  await B.response(430);
});

test("the token of an edge that has died is 430 without anybody being dialled, and its calls go again when it is back", async () => {
  const farm = await FarmOfEdges.start(2, "tcp", { SLUICE_UPSTREAM_PROBE_SECONDS: "1" }, 2, MAIN);
  const U = await farm.client("U", 1, "udp");
  const path = await farm.register(U);
  const A = await farm.caller("A", 2);
  await A.say(`${INVITE}\n${path}`);
  await U.request("INVITE");
  await U.reply("486 Busy Here");
  await A.response(486);
  await farm.edges[0]?.kill();
  await A.say(`${INVITE}\n${path}\nCall-ID: second@${farm.scene}`);
  await A.response(430);
  await farm.edges[0]?.restart();
  await expect.poll(() => farm.edges[1]?.output).toContain("an edge of the farm answers again");
  // Its flow is UDP and has outlived it.
  await A.say(`${INVITE}\n${path}\nCall-ID: third@${farm.scene}`);
  await U.request("INVITE");
  await U.reply("486 Busy Here");
  await A.response(486);
});

test("what an edge of the farm sent goes to no third one: a neighbour that lies makes no loop", async () => {
  const farm = await FarmOfEdges.start(2, "udp", {}, 3);
  const U = await farm.client("U", 1, "tcp");
  const path = await farm.register(U);
  const liar = await farm.node("liar", 3, 2);
  await liar.say(`${INVITE}\n${path}`);
  await liar.response(430);
  await U.nothing();
  // But what it has for this edge's own flows arrives.
  const V = await farm.client("V", 2, "tcp");
  const own = await farm.register(V);
  await liar.say(`${INVITE}\n${own}`);
  await V.request("INVITE");
  await V.reply("486 Busy Here");
  await liar.response(486);
});
