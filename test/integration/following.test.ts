/** One transaction per process, no stray ACK, and calls that follow a phone to its new flow (RFC 3261 9.2, 8.2.7, RFC 5626 11.5). */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Admin } from "../support/admin.js";
import { Home, instanceOf } from "../support/home.js";
import { CoreTcp } from "../support/core-tcp.js";
import { freePort } from "../support/ports.js";
import { Party } from "../support/party.js";
import { RedisServer } from "../support/redis-server.js";
import { TcpConnection } from "../support/tcp-connection.js";
import { testWith } from "../support/test-with.js";

const INVITE = "INVITE sip:bob@example.com SIP/2.0\nContact: <sip:A@192.0.2.1>";

test("TX-9 a neighbour's CANCEL and ACK over another connection, so on any shard, find the INVITE (RFC 3261 9.2)", async () => {
  const home = await Home.shared({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2,127.0.0.3", SLUICE_SHARDS: "4" });
  const edge = await home.edge("edge", "127.0.0.2");
  await home.registerBehind(edge, "bob", { instance: instanceOf("bob") });
  const connection = async (name: string): Promise<Party> => {
    const party = new Party(name, home.at, home.scene, home.company);
    return party.attach(await CoreTcp.open({ host: home.host, port: home.port }, party.receive, await freePort("127.0.0.3"), false, "127.0.0.3"));
  };
  for (let call = 1; call <= 8; call += 1) {
    const via = `Via: SIP/2.0/TCP 127.0.0.3:5099;branch=z9hG4bK-call-${call}`;
    const rest = `${via}\nCall-ID: call-${call}@${home.scene}\nFrom: <sip:a@other.example>;tag=a${call}`;
    const [one, other] = [await connection(`one-${call}`), await connection(`other-${call}`)];
    await one.say(`${INVITE}\n${rest}`);
    await edge.request("INVITE");
    await edge.reply("180 Ringing");
    await one.response(180);
    const ringing = edge.last;
    await other.say(`CANCEL sip:bob@example.com SIP/2.0\n${rest}`);
    await other.response(200);
    await edge.request("CANCEL");
    await edge.reply("200 OK");
    await edge.reply("487 Request Terminated", "", ringing);
    await edge.request("ACK");
    const final = await one.response(487);
    await other.say(`ACK sip:bob@example.com SIP/2.0\n${rest}\nTo: ${final.header("To")}`);
    await Promise.all([one.close(), other.close()]);
    home.company.delete(one);
    home.company.delete(other);
  }
  await edge.nothing();
});

test("the ACK of a stateless 503 goes nowhere (RFC 3261 8.2.7)", async () => {
  const home = await Home.start({ SLUICE_SHARDS: "1", SLUICE_MAX_PENDING: "1" });
  const bob = await home.phone("bob");
  await home.register(bob);
  const A = await home.phone("A");
  await A.say(`${INVITE}\nCall-ID: one@${home.scene}`);
  await bob.request("INVITE");
  const via = `Via: SIP/2.0/UDP ${A.at};branch=z9hG4bK-two`;
  const rest = `${via}\nCall-ID: two@${home.scene}`;
  await A.say(`${INVITE}\n${rest}`);
  const busy = await A.response(503);
  expect(busy.header("Retry-After")).toBe("10");
  await A.say(`ACK sip:bob@example.com SIP/2.0\n${rest}\nTo: ${busy.header("To")}`);
  await sleep(200);
  await bob.nothing();
});

async function redis(): Promise<string> {
  const server = await RedisServer.start();
  onTestFinished(() => server.stop());
  return server.url;
}

interface Dialog {
  readonly home: Home;
  readonly A: Party;
  readonly bob: Party;
  /** Headers of A's requests within it. */
  readonly inside: string;
}

/** A call of A with bob, who registered over TCP. */
async function talking(settings: Record<string, string> = {}): Promise<Dialog> {
  const home = await Home.start(settings);
  const bob = await home.phone("bob", "tcp");
  await home.register(bob, { instance: instanceOf("bob") });
  const A = await home.phone("A");
  await A.say(INVITE);
  const invite = await bob.request("INVITE");
  const recorded = invite.all("Record-Route").map((value) => `Record-Route: ${value}`).join("\n");
  await bob.reply("200 OK", `${recorded}\nContact: <sip:bob@${bob.at};transport=tcp>`);
  const ok = await A.response(200);
  const routes = [...ok.all("Record-Route")].reverse().map((value) => `Route: ${value}`).join("\n");
  const inside = `${routes}\nTo: ${ok.header("To")}\nFrom: ${ok.header("From")}\nCall-ID: ${ok.header("Call-ID")}`;
  await A.say(`ACK sip:bob@${bob.at};transport=tcp SIP/2.0\n${inside}`);
  await bob.request("ACK");
  return { home, A, bob, inside };
}

for (const shards of ["1", "3"]) {
  test(`re-INVITE, ACK and BYE of a call follow the phone to its new flow, ${shards} shard(s) (RFC 5626 11.5)`, async () => {
    const { home, A, bob, inside } = await talking({ SLUICE_SHARDS: shards });
    const gone = bob.at;
    await bob.close();
    const again = bob.attach(await TcpConnection.open({ host: home.host, port: home.port }, bob.receive, { localHost: "127.0.0.1" }));
    await home.register(again, { instance: instanceOf("bob") });
    await A.say(`INVITE sip:bob@${gone};transport=tcp SIP/2.0\nContact: <sip:A@192.0.2.1>\nCSeq: 2 INVITE\n${inside}`);
    const copy = await again.request("INVITE");
    expect(copy.startLine).toContain(gone);
    await again.reply("200 OK", `Contact: <sip:bob@${again.at};transport=tcp>`);
    await A.response(200);
    await A.say(`ACK sip:bob@${gone};transport=tcp SIP/2.0\nCSeq: 2 ACK\n${inside}`);
    await again.request("ACK");
    await A.say(`BYE sip:bob@${gone};transport=tcp SIP/2.0\nCSeq: 3 BYE\n${inside}`);
    await again.request("BYE");
    await again.reply("200 OK");
    await A.response(200);
  });
}

test("OB-5.3.1-17 a phone whose Contact names port 0 gets ACK, re-INVITE and BYE over its flow", async () => {
  const { A, bob, inside } = await talking();
  for (const [cseq, method] of [[2, "INFO"], [3, "INVITE"], [4, "BYE"]] as const) {
    await A.say(`${method} sip:bob@127.0.0.1:0;transport=tcp SIP/2.0\nContact: <sip:A@192.0.2.1>\nCSeq: ${cseq} ${method}\n${inside}`);
    expect((await bob.request(method)).startLine).toContain("127.0.0.1:0");
    await bob.reply("200 OK", "Contact: <sip:bob@127.0.0.1:0;transport=tcp>");
    await A.response(200);
    if (method !== "INVITE") continue;
    await A.say(`ACK sip:bob@127.0.0.1:0;transport=tcp SIP/2.0\nCSeq: ${cseq} ACK\n${inside}`);
    await bob.request("ACK");
  }
});

test("OB-11-3 a phone gets 480, never 430, when the other end has lost its flow", async () => {
  const { A, bob, inside } = await talking();
  const gone = bob.at;
  await bob.close();
  await sleep(100);
  await A.say(`BYE sip:bob@${gone};transport=tcp SIP/2.0\nCSeq: 2 BYE\n${inside}`);
  await A.response(480);
});

test("OB-11-3 nor when the flow ends while a request waits on it", async () => {
  const { A, bob, inside } = await talking();
  await A.say(`INFO sip:bob@${bob.at};transport=tcp SIP/2.0\nCSeq: 2 INFO\n${inside}`);
  await bob.request("INFO");
  await bob.close();
  await A.response(480);
});

for (const [end, location] of [["a graceful stop", "embedded"], ["kill -9", "embedded"], ["a graceful stop", "Redis"], ["kill -9", "Redis"]] as const) {
  testWith(location === "Redis" ? "redis-server" : undefined)(`OB-11-3 after ${end} and a restart a call goes on over the new connections of its phones, bindings in ${location}`, async () => {
    const admin = await Admin.choose();
    const home = await Home.spawn({ SLUICE_SHARDS: "2", SLUICE_ADMIN_LISTEN: admin.listen, ...(location === "Redis" && { SLUICE_LOCATION: await redis() }) });
    const [bob, A] = [await home.phone("bob", "tcp"), await home.phone("A", "tcp")];
    const plain = await home.phone("plain", "tcp");
    await home.register(bob, { instance: instanceOf("bob") });
    await home.register(A, { instance: instanceOf("A") });
    await home.register(plain);
    await A.say(INVITE);
    const invite = await bob.request("INVITE");
    const inner = invite.all("Record-Route");
    await bob.reply("200 OK", `${inner.map((value) => `Record-Route: ${value}`).join("\n")}\nContact: <sip:bob@${bob.at};transport=tcp>`);
    const ok = await A.response(200);
    const names = `Call-ID: ${ok.header("Call-ID")}`;
    const ofA = `${[...ok.all("Record-Route")].reverse().map((value) => `Route: ${value}`).join("\n")}\nTo: ${ok.header("To")}\nFrom: ${ok.header("From")}\n${names}`;
    const ofBob = `${inner.map((value) => `Route: ${value}`).join("\n")}\nTo: ${ok.header("From")}\nFrom: ${ok.header("To")}\n${names}`;
    await A.say(`ACK sip:bob@${bob.at};transport=tcp SIP/2.0\n${ofA}`);
    await bob.request("ACK");
    const [oldBob, oldA] = [bob.at, A.at];
    if (end === "kill -9") await home.server.kill();
    else home.server.terminate();
    await home.server.exited();
    await Promise.all([bob.close(), A.close(), plain.close()]);
    await home.server.restart();
    await expect.poll(async () => /^sluice_flow_owners (\d+)$/m.exec((await admin.get("/metrics")).text)?.[1]).toBe("3");
    for (const party of [bob, A, plain]) await home.connect(party, "tcp");
    await home.register(bob, { instance: instanceOf("bob") });
    await home.register(A, { instance: instanceOf("A") });
    // A phone that names no instance would leave a binding behind at each restart; its old one went with its connection.
    await expect.poll(async () => (await home.register(plain)).all("Contact").length).toBe(1);
    await A.say(`INFO sip:bob@${oldBob};transport=tcp SIP/2.0\nCSeq: 2 INFO\n${ofA}`);
    await bob.request("INFO");
    await bob.reply("200 OK");
    await A.response(200);
    await bob.say(`BYE sip:A@${oldA};transport=tcp SIP/2.0\nCSeq: 1 BYE\n${ofBob}`);
    await A.request("BYE");
    await A.reply("200 OK");
    await bob.response(200);
  });
}

test("OB-7-17 a flow that was silent a moment ago is tried last until it registers again (RFC 5626 7)", async () => {
  const home = await Home.start({ SLUICE_FAILOVER_MS: "2000", SLUICE_SHARDS: "2" });
  const [first, second] = [await home.phone("bob"), await home.phone("bob")];
  await home.register(first, { instance: instanceOf("bob"), regId: 1 });
  await sleep(20);
  await home.register(second, { instance: instanceOf("bob"), regId: 2 });
  const call = async (expected: Party): Promise<void> => {
    const A = await home.phone("A");
    await A.say("MESSAGE sip:bob@example.com SIP/2.0");
    await expected.request("MESSAGE");
    await expected.reply("200 OK");
    await A.response(200);
  };
  const A = await home.phone("A");
  await A.say("MESSAGE sip:bob@example.com SIP/2.0");
  await second.request("MESSAGE");
  await first.request("MESSAGE");
  await first.reply("200 OK");
  await A.response(200);
  second.forget();
  for (let round = 0; round < 4; round += 1) await call(first);
  await second.nothing();
  await home.register(second, { instance: instanceOf("bob"), regId: 2 });
  await call(second);
});
