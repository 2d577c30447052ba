/** Who may send within a dialog: only its members, and only to each other (RFC 3261 12.2.1.1, 16.4, 16.12, RFC 5626 5.3, 12). */
import { expect, test } from "vitest";
import { register } from "../support/calls.js";
import { cast } from "../support/cast.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import { freePort } from "../support/ports.js";
import type { Party } from "../support/party.js";
import type { SipMessage } from "../support/sip-message.js";

const routesOf = (message: SipMessage): readonly string[] => message.all("Record-Route").flatMap((line) => line.split(/,\s*(?=<)/));

/** `from` calls `to` through a standalone server; the Record-Route values as `to` reads them. */
async function connect(from: Party, to: Party, callId: string): Promise<readonly string[]> {
  await from.say(`INVITE sip:${to.name}@${DOMAIN} SIP/2.0\nCall-ID: ${callId}\nContact: <sip:${from.name}@${from.at}>`);
  const invite = await to.request("INVITE");
  await to.reply("200 OK", `Contact: <sip:${to.name}@${to.at}>`);
  await from.response(200);
  const recorded = routesOf(invite);
  await from.say(`ACK sip:${to.name}@${to.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=${to.name}\nRoute: ${[...recorded].reverse().join(", ")}`);
  await to.request("ACK");
  return recorded;
}

for (const transport of ["udp", "tcp"] as const) {
  test(`OB-5.3.1-18 OB-12-2 seeing a callee's Record-Route does not permit sending along it, ${transport}, four shards`, async () => {
    const home = await Home.shared({ SLUICE_SHARDS: "4" });
    const [alice, bob, mallory] = [await home.phone("alice", transport), await home.phone("bob", transport), await home.phone("mallory", transport)];
    await home.register(bob, { instance: instanceOf("bob") });
    const recorded = await connect(alice, bob, `call@${home.scene}`);
    const [client = "", core = ""] = recorded;
    // As seen, and with bob's own pair reversed in front of it.
    const along = [`${core}, ${client}`, `${client}, ${core}, ${core}, ${client}`, `${client}, ${core}, ${client}`];
    for (const [at, route] of along.entries()) {
      for (const method of ["INVITE", "MESSAGE", "NOTIFY", "BYE"]) {
        await mallory.say(`${method} sip:bob@${bob.at} SIP/2.0\nCall-ID: made-up-${at}-${method}@${home.scene}\nTo: <sip:bob@${DOMAIN}>;tag=made-up\nRoute: ${route}\nContact: <sip:m@${mallory.at}>`);
        expect((await mallory.next()).status, `${method} ${route}`).toBe(403);
      }
      await mallory.say(`ACK sip:bob@${bob.at} SIP/2.0\nCall-ID: made-up-${at}@${home.scene}\nTo: <sip:bob@${DOMAIN}>;tag=made-up\nRoute: ${route}`);
    }
    await bob.nothing();
    await alice.say(`BYE sip:bob@${bob.at} SIP/2.0\nCall-ID: call@${home.scene}\nCSeq: 2 BYE\nTo: <sip:x@example.com>;tag=bob\nRoute: ${[...recorded].reverse().join(", ")}`);
    await bob.request("BYE");
    await bob.reply("200 OK");
    await alice.response(200);
  });
}

/** Requests within the dialog of alice with bob, as alice sends them. */
const inside = (home: Home, bob: Party, recorded: readonly string[], method: string, cseq: number): string =>
  `${method} sip:bob@${bob.at} SIP/2.0\nCall-ID: call@${home.scene}\nCSeq: ${cseq} ${method}\nTo: <sip:x@example.com>;tag=bob\nRoute: ${[...recorded].reverse().join(", ")}`;

test("OB-5.3.1-18 OB-12-2 nor does overhearing the whole Record-Route, during the call or after the caller's flow is gone, registered or not", async () => {
  const home = await Home.shared({ SLUICE_SHARDS: "4" });
  const [alice, bob] = [await home.phone("alice", "tcp"), await home.phone("bob", "tcp")];
  await home.register(bob, { instance: instanceOf("bob") });
  const recorded = await connect(alice, bob, `call@${home.scene}`);
  expect(recorded).toHaveLength(4);
  // Enough connections to reach each shard.
  const strangers = [await home.phone("udp", "udp", 0, "127.0.0.9")];
  for (let at = 0; at < 6; at += 1) strangers.push(await home.phone(`mallory${at}`, "tcp", 0, "127.0.0.9"));
  const [, registered] = strangers;
  if (registered) await home.register(registered, { instance: instanceOf("mallory") });
  const attack = async (): Promise<void> => {
    for (const mallory of strangers) {
      for (const [at, method] of ["INVITE", "MESSAGE", "REFER", "BYE"].entries()) {
        await mallory.say(inside(home, bob, recorded, method, 10 + at));
        expect((await mallory.next()).status, `${mallory.name} ${method}`).toBe(403);
      }
    }
    await bob.nothing();
  };
  await attack();
  await alice.close();
  await attack();
});

test("OB-5.3-7 a phone whose connection broke continues its dialog: from the same address, or from anywhere once registered (RFC 5626 4.4.1)", async () => {
  const home = await Home.shared({ SLUICE_SHARDS: "4" });
  const [alice, bob] = [await home.phone("alice", "tcp"), await home.phone("bob", "tcp")];
  await home.register(bob, { instance: instanceOf("bob") });
  await home.register(alice, { instance: instanceOf("alice") });
  const recorded = await connect(alice, bob, `call@${home.scene}`);
  for (let cseq = 2; cseq < 8; cseq += 1) {
    await alice.close();
    const isElsewhere = cseq > 5;
    await home.connect(alice, "tcp", 0, isElsewhere ? "127.0.0.8" : undefined);
    if (isElsewhere) await home.register(alice, { instance: instanceOf("alice") });
    await alice.say(inside(home, bob, recorded, "INFO", cseq));
    await bob.request("INFO");
    await bob.reply("200 OK");
    await alice.response(200);
  }
});

test("OB-5.3.1-18 an edge also demands the sender's own token, but none from a neighbour", async () => {
  const company = await cast({ client: "tcp" });
  const { U, U2, C, scene } = company;
  const path = await register(U, C);
  await C.say(`INVITE sip:U@${U.at} SIP/2.0\nCall-ID: real@${scene}\nRoute: ${path.join(", ")}\nContact: <sip:C@${C.at}>`);
  const invite = await U.request("INVITE");
  const recorded = routesOf(invite);
  await U.reply("200 OK", `Contact: <sip:U@${U.at}>`);
  await C.response(200);
  const route = [...recorded].reverse().join(", ");
  await U2.say(`NOTIFY sip:U@${U.at} SIP/2.0\nCall-ID: real@${scene}\nTo: <sip:U@example.com>;tag=U\nRoute: ${route}`);
  await U2.response(403);
  await U.nothing();
  await C.say(`BYE sip:U@${U.at} SIP/2.0\nCall-ID: real@${scene}\nCSeq: 2 BYE\nTo: <sip:U@example.com>;tag=U\nRoute: ${route}`);
  await U.request("BYE");
});

/** A standalone server with two neighbours of one network, and a client. */
async function neighbours(): Promise<{ readonly home: Home; readonly trunk: Party; readonly other: Party; readonly alice: Party }> {
  const home = await Home.shared({ SLUICE_EDGES: "127.0.0.2,127.0.0.3" });
  const [trunk, other, alice] = [await home.edge("trunk", "127.0.0.2"), await home.edge("other", "127.0.0.3"), await home.phone("alice", "tcp")];
  await home.register(alice, { instance: instanceOf("alice") });
  return { home, trunk, other, alice };
}

test("PX-16.4-1 SA-17 a client cannot reach an inner host by putting our Route in front of it", async () => {
  const { home, trunk, other, alice } = await neighbours();
  const bob = await home.phone("bob", "udp");
  await home.register(bob);
  const recorded = await connect(bob, alice, `pair@${home.scene}`);
  const own = recorded.slice(0, 2).join(", ");
  for (const [at, route] of [`<sip:${home.at};lr>, <sip:${trunk.at};lr>`, `${own}, <sip:${trunk.at};lr>`, `${own}, <sip:${other.at};lr>`].entries()) {
    await alice.say(`MESSAGE sip:x@192.0.2.1 SIP/2.0\nCall-ID: out-${at}@${home.scene}\nTo: <sip:x@example.com>;tag=made-up\nRoute: ${route}`);
    await alice.response(403);
  }
  await alice.say(`BYE sip:x@${trunk.at} SIP/2.0\nCall-ID: out@${home.scene}\nTo: <sip:x@example.com>;tag=made-up\nRoute: ${own}`);
  expect((await alice.next()).status).toBeGreaterThanOrEqual(403);
  await trunk.nothing();
  await other.nothing();
});

for (const records of [false, true]) {
  test(`PX-16.6-4 a call of a neighbour that does ${records ? "" : "not "}record-route: ACK, re-INVITE and BYE reach it, and nobody else`, async () => {
    const { home, trunk, other, alice } = await neighbours();
    const callId = `trunk@${home.scene}`;
    const own = records ? `\nRecord-Route: <sip:${trunk.at};lr>` : "";
    await trunk.say(`INVITE sip:alice@${DOMAIN} SIP/2.0\nCall-ID: ${callId}\nContact: <sip:trunk@${trunk.at}>${own}`);
    const invite = await alice.request("INVITE");
    await alice.reply("200 OK", `Contact: <sip:alice@${alice.at}>`);
    await trunk.response(200);
    const recorded = routesOf(invite);
    await trunk.say(`ACK sip:alice@${alice.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=alice\nRoute: ${[...recorded.slice(0, 2)].reverse().join(", ")}`);
    await alice.request("ACK");
    const inDialog = `Call-ID: ${callId}\nTo: <sip:trunk@example.com>;tag=trunk\nRoute: ${recorded.join(", ")}`;
    await alice.say(`INVITE sip:trunk@${trunk.at} SIP/2.0\n${inDialog}\nContact: <sip:alice@${alice.at}>`);
    const again = await trunk.request("INVITE");
    expect(again.all("Route")).toEqual(records ? [`<sip:${trunk.at};lr>`] : []);
    await trunk.reply("200 OK", `Contact: <sip:trunk@${trunk.at}>`);
    await alice.response(200);
    await alice.say(`ACK sip:trunk@${trunk.at} SIP/2.0\n${inDialog}`);
    await trunk.request("ACK");
    await alice.say(`INFO sip:x@192.0.2.1 SIP/2.0\nCSeq: 2 INFO\nCall-ID: ${callId}\nTo: <sip:trunk@example.com>;tag=trunk\nRoute: ${recorded.slice(0, 2).join(", ")}, <sip:${other.at};lr>`);
    await alice.response(403);
    await alice.say(`BYE sip:trunk@${trunk.at} SIP/2.0\nCSeq: 3 BYE\n${inDialog}`);
    await trunk.request("BYE");
    await trunk.reply("200 OK");
    await alice.response(200);
    await other.nothing();
  });
}

test("PX-16.6-4 a trunk that calls an edge with shared listeners directly: the phone's ACK, re-INVITE and BYE reach the trunk, and no other host of its network", async () => {
  const port = await freePort("127.0.0.2");
  const home = await Home.start({ SLUICE_MODE: "edge", SLUICE_UPSTREAM: `sip:127.0.0.2:${port}`, SLUICE_TRUSTED: "127.0.0.2,127.0.0.3" });
  const [core, trunk] = [await home.edge("core", "127.0.0.2", "udp", port), await home.edge("trunk", "127.0.0.3")];
  const alice = await home.phone("alice", "tcp");
  const path = await register(alice, core);
  const callId = `straight@${home.scene}`;
  await trunk.say(`INVITE sip:alice@${alice.at} SIP/2.0\nCall-ID: ${callId}\nRoute: ${path.join(", ")}\nContact: <sip:trunk@${trunk.at}>`);
  const recorded = routesOf(await alice.request("INVITE"));
  await alice.reply("200 OK", `Contact: <sip:alice@${alice.at}>`);
  await trunk.response(200);
  await trunk.say(`ACK sip:alice@${alice.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=alice\nRoute: ${[...recorded].reverse().join(", ")}`);
  await alice.request("ACK");
  const inDialog = `Call-ID: ${callId}\nTo: <sip:trunk@example.com>;tag=trunk\nRoute: ${recorded.join(", ")}`;
  await alice.say(`INVITE sip:trunk@${trunk.at} SIP/2.0\n${inDialog}\nContact: <sip:alice@${alice.at}>`);
  await trunk.request("INVITE");
  await trunk.reply("200 OK", `Contact: <sip:trunk@${trunk.at}>`);
  await alice.response(200);
  await alice.say(`ACK sip:trunk@${trunk.at} SIP/2.0\n${inDialog}`);
  await trunk.request("ACK");
  // Whatever else the Route names is the upstream's to judge.
  await alice.say(`INFO sip:trunk@${trunk.at} SIP/2.0\nCSeq: 2 INFO\n${inDialog}, <sip:127.0.0.3:9;lr>`);
  await core.request("INFO");
  await alice.say(`BYE sip:trunk@${trunk.at} SIP/2.0\nCSeq: 3 BYE\n${inDialog}`);
  await trunk.request("BYE");
  await trunk.reply("200 OK");
  await alice.response(200);
});

test("PX-16.6-4 a call to a trunk that does not record-route: ACK and BYE follow it", async () => {
  const port = await freePort("127.0.0.2");
  const home = await Home.start({ SLUICE_EDGES: "127.0.0.2", SLUICE_UPSTREAM: `sip:127.0.0.2:${port}` });
  const trunk = await home.edge("trunk", "127.0.0.2", "udp", port);
  const alice = await home.phone("alice", "tcp");
  await home.register(alice);
  const callId = `out@${home.scene}`;
  await alice.say(`INVITE sip:+4930123@carrier.example.net SIP/2.0\nCall-ID: ${callId}\nContact: <sip:alice@${alice.at}>`);
  const invite = await trunk.request("INVITE");
  await trunk.reply("200 OK", `Contact: <sip:media@192.0.2.50>`);
  await alice.response(200);
  const route = [...routesOf(invite)].reverse().join(", ");
  for (const [at, method] of ["ACK", "BYE"].entries()) {
    await alice.say(`${method} sip:media@192.0.2.50 SIP/2.0\nCSeq: ${at + 1} ${method}\nCall-ID: ${callId}\nTo: <sip:x@example.com>;tag=trunk\nRoute: ${route}`);
    expect((await trunk.request(method)).uri).toBe("sip:media@192.0.2.50");
  }
});

test("DET-4 a NOTIFY from client to client is record-routed for both ends, so the subscriber can refresh (RFC 6665 4.3)", async () => {
  const home = await Home.shared();
  const [alice, bob] = [await home.phone("alice", "tcp"), await home.phone("bob", "udp")];
  await home.register(alice, { instance: instanceOf("alice") });
  await home.register(bob, { instance: instanceOf("bob") });
  const callId = `subscription@${home.scene}`;
  await alice.say(`SUBSCRIBE sip:bob@${DOMAIN} SIP/2.0\nCall-ID: ${callId}\nEvent: presence\nContact: <sip:alice@${alice.at}>`);
  const routes = routesOf(await bob.request("SUBSCRIBE"));
  await bob.reply("200 OK", `Contact: <sip:bob@${bob.at}>`);
  await alice.response(200);
  await bob.say(`NOTIFY sip:alice@${alice.at} SIP/2.0\nCall-ID: ${callId}\nTo: <sip:alice@${DOMAIN}>;tag=alice\nEvent: presence\nContact: <sip:bob@${bob.at}>\nRoute: ${routes.join(", ")}`);
  const recorded = routesOf(await alice.request("NOTIFY"));
  expect(recorded).toHaveLength(4);
  await alice.reply("200 OK");
  await bob.response(200);
  await alice.say(`SUBSCRIBE sip:bob@${bob.at} SIP/2.0\nCSeq: 2 SUBSCRIBE\nCall-ID: ${callId}\nTo: <sip:bob@${DOMAIN}>;tag=bob\nEvent: presence\nContact: <sip:alice@${alice.at}>\nRoute: ${recorded.join(", ")}`);
  expect((await bob.request("SUBSCRIBE")).all("Route")).toEqual([]);
});

test("PATH-5.4-2 a neighbour's further Route values stay after the Path", async () => {
  const home = await Home.shared({ SLUICE_MODE: "registrar", SLUICE_EDGES: "127.0.0.2,127.0.0.3" });
  const [edge, trunk] = [await home.edge("edge", "127.0.0.2"), await home.edge("trunk", "127.0.0.3")];
  const path = `<sip:token@${edge.at};lr;ob>`;
  await home.registerBehind(edge, "bob", { instance: instanceOf("bob"), path });
  await trunk.say(`INVITE sip:bob@${DOMAIN} SIP/2.0\nRoute: <sip:${home.at};lr>, <sip:one.elsewhere.test;lr>, <sip:two.elsewhere.test;lr>\nContact: <sip:trunk@${trunk.at}>`);
  const invite = await edge.request("INVITE");
  const routes = invite.all("Route").flatMap((line) => line.split(/,\s*(?=<)/));
  expect(routes).toEqual([path, "<sip:one.elsewhere.test;lr>", "<sip:two.elsewhere.test;lr>"]);
});
