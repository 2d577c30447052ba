/** Who abuses a farm: phones with tokens of another edge, forged node numbers, and a neighbour that floods and repeats. */
import { expect, test } from "vitest";
import { FarmOfEdges } from "../support/farm.js";
import { UdpSocket } from "../support/udp-socket.js";

const INVITE = "INVITE sip:V@example.com SIP/2.0\nContact: <sip:U@192.0.2.1>";

test("a phone cannot use a token of another edge: outside a dialog, with a To tag of its own, or with another number in it", async () => {
  const farm = await FarmOfEdges.start(2, "udp");
  const V = await farm.client("V", 2, "tcp");
  const path = await farm.register(V);
  const stranger = await farm.client("S", 1, "tcp");
  await stranger.say(`${INVITE}\n${path}`);
  await stranger.response(403);
  await stranger.say(`${INVITE}\n${path}\nCall-ID: tagged@${farm.scene}\nTo: <sip:V@example.com>;tag=v`);
  await stranger.response(403);
  const U = await farm.client("U", 1, "udp");
  await farm.register(U);
  await U.say(`${INVITE}\n${path}\nCall-ID: registered@${farm.scene}`);
  await U.response(403);
  await V.nothing();
  // From the core side each octet of the token counts, the node's among them. The last one may hold bits that nobody reads.
  const A = await farm.caller("A", 1);
  const token = /sip:([^@]+)@/.exec(path)?.[1] ?? "";
  const answers = new Set<number>();
  for (let at = 0; at < token.length - 1; at += 1) {
    const other = token[at] === "A" ? "B" : "A";
    await A.say(`MESSAGE sip:V@example.com SIP/2.0\n${path.replaceAll(token, token.slice(0, at) + other + token.slice(at + 1))}\nCall-ID: forged-${at}@${farm.scene}`);
    answers.add((await A.next()).status);
  }
  // 403 if it was forged; 430 if it names a key that nobody has; 404 if it no longer looks like a token at all.
  expect([...answers].sort().filter((status) => ![403, 404, 430].includes(status))).toEqual([]);
  expect(answers).toContain(403);
  await V.nothing();
});

test("a neighbour that floods with tokens of others gets 430 for each, and nobody else is any the worse", async () => {
  const farm = await FarmOfEdges.start(2, "udp", {}, 3);
  const V = await farm.client("V", 1, "tcp");
  const elsewhere = await farm.register(V);
  const U = await farm.client("U", 2, "tcp");
  const own = await farm.register(U);
  const liar = await farm.node("liar", 3, 2);
  for (let at = 0; at < 100; at += 1) {
    await liar.say(`MESSAGE sip:V@example.com SIP/2.0\n${elsewhere}\nCall-ID: flood-${at}@${farm.scene}`);
    await liar.response(430);
  }
  await V.nothing();
  // What it sends to flows of this edge arrives once for each request, and a repetition of one that is answered gets no second call.
  await liar.say(`${INVITE}\n${own}\nVia: SIP/2.0/UDP ${liar.at};branch=z9hG4bK-once\nCall-ID: once@${farm.scene}`);
  await U.request("INVITE");
  await liar.exactly(liar.sent);
  await U.nothing();
  await U.reply("486 Busy Here");
  // Answers that nobody asked for go nowhere.
  await liar.exactly(`SIP/2.0 200 OK\nVia: SIP/2.0/UDP farm.example:${farm.corePort};branch=z9hG4bKRAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nVia: SIP/2.0/TCP ${U.at};branch=z9hG4bK-x\nFrom: <sip:a@example.com>;tag=a\nTo: <sip:b@example.com>;tag=b\nCall-ID: nobody@${farm.scene}\nCSeq: 1 INVITE\nContent-Length: 0\n\n`);
  await U.nothing();
  expect(liar.wire).toBeInstanceOf(UdpSocket);
});

test("what a neighbour replays, before and after its answer, reaches no phone twice, and what a stranger replays of it is forbidden", async () => {
  const farm = await FarmOfEdges.start(2, "udp", {}, 3);
  const U = await farm.client("U", 2, "tcp");
  const own = await farm.register(U);
  const liar = await farm.node("liar", 3, 2);
  await liar.say(`MESSAGE sip:U@example.com SIP/2.0\n${own}\nCall-ID: replayed@${farm.scene}`);
  const request = liar.sent;
  await U.request("MESSAGE");
  for (let at = 0; at < 20; at += 1) await liar.exactly(request);
  await U.nothing();
  await U.reply("200 OK");
  const answer = U.sent;
  await liar.response(200);
  // Who asks again gets the answer again, and that is all.
  for (let at = 0; at < 20; at += 1) {
    await liar.exactly(request);
    await liar.response(200);
  }
  await U.nothing();
  // The phone's answer is no answer when it comes from somebody else.
  for (let at = 0; at < 20; at += 1) await liar.exactly(answer);
  await liar.nothing();
  const stranger = await farm.client("S", 2, "udp");
  for (const branch of [undefined, "z9hG4bK-another"]) {
    await stranger.exactly(branch === undefined ? request : request.replace(/branch=[^;\r]+/, `branch=${branch}`));
    await stranger.response(403);
  }
  await U.nothing();
  await liar.nothing();
});

test("over TLS an edge believes another one only if its certificate names the address in the list", async () => {
  const good = await FarmOfEdges.secure();
  const U = await good.client("U", 2, "tcp");
  const path = await good.register(U);
  const A = await good.caller("A", 1);
  await A.say(`${INVITE}\n${path}`);
  await U.request("INVITE");
  await U.reply("486 Busy Here");
  await A.response(486);
  // The second edge proves to be the first, whoever it is.
  const bad = await FarmOfEdges.secure(() => 1);
  const V = await bad.client("V", 2, "tcp");
  const route = await bad.register(V);
  const B = await bad.caller("B", 1);
  await B.say(`${INVITE}\n${route}`);
  expect([430, 503]).toContain((await B.next()).status);
  await V.nothing();
});
