/**
 * Calls to a GRUU and to upstreams, which objects decide and numbers carry out, look the same with SLUICE_FAST_PATH=off, where objects do both, to everybody who takes part.
 */
import { expect, test } from "vitest";
import { Admin } from "../support/admin.js";
import { DOMAIN, Home, instanceOf } from "../support/home.js";
import { Party } from "../support/party.js";
import { freePort } from "../support/ports.js";
import type { SipMessage } from "../support/sip-message.js";
import { UdpSocket } from "../support/udp-socket.js";

const SETTINGS = { SLUICE_SHARDS: "1", SLUICE_FAILOVER_MS: "300", SLUICE_T1_MS: "4000", SLUICE_EDGES: "127.0.0.2" } as const;

class Stage {
  readonly seen: string[] = [];
  readonly home: Home;
  readonly #plane: Admin;

  private constructor(home: Home, plane: Admin) {
    this.home = home;
    this.#plane = plane;
  }

  static async open(settings: Record<string, string>): Promise<Stage> {
    const plane = await Admin.choose();
    return new Stage(await Home.start({ ...SETTINGS, SLUICE_ADMIN_LISTEN: plane.listen, ...settings }), plane);
  }

  /** Without what differs between any two servers or calls. */
  note(who: string, message: SipMessage): SipMessage {
    const text = message.text
      .replace(/branch=[^;,\s]+/g, "branch=B")
      .replace(/tag=[^;,\s]+/g, "tag=T")
      .replace(/sip:[\w-]{30,}@/g, "sip:TOKEN@")
      .replace(/;nb=[^;>]+/g, ";nb=N")
      .replace(/sip:tgruu\.[\w-]+@/g, "sip:TEMPORARY@")
      .replace(/127\.0\.0\.\d:\d+/g, "AT")
      .replace(/rport=\d+/g, "rport=R")
      .replace(/^Call-ID: .*$/m, "Call-ID: C");
    this.seen.push(`${who}\n${text}`);
    return message;
  }

  async decided(): Promise<number> {
    const { text } = await this.#plane.get("/metrics");
    return Number(/^sluice_requests_decided_total\S* (\d+)/m.exec(text)?.[1] ?? Number.NaN);
  }

  async trunk(name: string, port: number): Promise<Party> {
    const party = new Party(name, this.home.at, this.home.scene, this.home.company);
    return party.attach(await UdpSocket.open({ host: this.home.host, port: this.home.port }, party.receive, { localPort: port, localHost: this.home.host }));
  }

  /** What acknowledges or cancels what this party has sent. */
  async follow(from: Party, sent: string, method: string, extra = ""): Promise<void> {
    const line = (name: string, text = sent): string => new RegExp(`^${name}: (.*)\r$`, "m").exec(text)?.[1] ?? "";
    const to = line("To", method === "ACK" ? from.last.text : sent);
    await from.say(`${method} ${sent.split(" ")[1]} SIP/2.0\nVia: ${line("Via")}\nFrom: ${line("From")}\nTo: ${to}\nCall-ID: ${line("Call-ID")}\nCSeq: 1 ${method}${extra}`);
  }
}

/** The same by both; returns how many calls there were. */
async function compared(settings: () => Promise<Record<string, string>>, play: (stage: Stage, settings: Record<string, string>) => Promise<number>): Promise<void> {
  const both = [];
  for (const fast of ["on", "off"]) {
    const chosen = await settings();
    const stage = await Stage.open({ SLUICE_FAST_PATH: fast, ...chosen });
    const before = await stage.decided();
    const calls = await play(stage, chosen);
    // Else the test would compare a path with itself.
    expect((await stage.decided()) - before, fast).toBe(fast === "on" ? calls : 0);
    both.push(stage.seen);
  }
  expect(both[0]).toEqual(both[1]);
  expect(both[0]?.length).toBeGreaterThan(0);
}

test("DNS-5 PX-16.7-10 PX-16.10-1 calls to upstreams: past 503 and silence, and not past a refusal; a CANCEL follows", { timeout: 60_000 }, async () => {
  const settings = async (): Promise<Record<string, string>> => ({ SLUICE_MODE: "standalone", SLUICE_DOMAINS: DOMAIN, SLUICE_UPSTREAM: `sip:127.0.0.1:${await freePort()};priority=1,sip:127.0.0.1:${await freePort()};priority=2` });
  await compared(settings, async (stage, { SLUICE_UPSTREAM = "" }) => {
    const [first = 0, second = 0] = [...SLUICE_UPSTREAM.matchAll(/:(\d+);/g)].map(([, port]) => Number(port));
    const trunks = [await stage.trunk("T0", first), await stage.trunk("T1", second)] as const;
    const A = await stage.home.phone("A");
    const call = async (method: string, answers: readonly (string | undefined)[], more = ""): Promise<void> => {
      await A.say(`${method} sip:+49${answers.length}@other.example.net SIP/2.0\nFrom: <sip:A@${DOMAIN}>;tag=a\nTo: <sip:b@other.example.net>\nContact: <sip:A@192.0.2.1>${more}`);
      const { sent } = A;
      if (method === "INVITE") stage.note("caller", await A.next(undefined, true));
      for (const [at, answer] of answers.entries()) {
        const trunk = trunks[at] ?? expect.unreachable();
        stage.note(trunk.name, await trunk.request(method));
        if (answer === undefined) continue;
        await trunk.reply(answer);
        if (method === "INVITE" && !answer.startsWith("2")) stage.note(trunk.name, await trunk.request("ACK"));
      }
      stage.note("caller", await A.next());
      if (method === "INVITE" && A.last.text.split(" ")[1]?.startsWith("2") !== true) await stage.follow(A, sent, "ACK");
      for (const one of [A, ...trunks]) one.forget();
    };
    await call("INVITE", ["503 Service Unavailable", "486 Busy Here"]);
    await call("INVITE", ["503 Service Unavailable", "503 Service Unavailable"]);
    await call("INVITE", ["404 Not Found"]);
    await call("INVITE", ["430 Flow Failed"]);
    await call("MESSAGE", ["200 OK"]);
    await call("MESSAGE", [undefined, "202 Accepted"]);
    await call("SUBSCRIBE", ["503 Service Unavailable", "407 Proxy Authentication Required"]);
    await A.say(`INVITE sip:+49@other.example.net SIP/2.0\nFrom: <sip:A@${DOMAIN}>;tag=a\nTo: <sip:b@other.example.net>`);
    const { sent } = A;
    stage.note("caller", await A.next(undefined, true));
    stage.note("T0", await trunks[0].request("INVITE"));
    const asked = trunks[0].last;
    await trunks[0].reply("180 Ringing");
    stage.note("caller", await A.next());
    await stage.follow(A, sent, "CANCEL", '\nReason: SIP;cause=480;text="gone"');
    stage.note("caller", await A.next());
    stage.note("T0", await trunks[0].request("CANCEL"));
    await trunks[0].reply("200 OK");
    await trunks[0].reply("487 Request Terminated", "", asked);
    stage.note("T0", await trunks[0].request("ACK"));
    stage.note("caller", await A.next());
    return 8;
  });
});

test("GRUU-5.4-1 GRUU-5.3-1 GRUU-5.3-2 calls to a public and a temporary GRUU reach their one device, and nobody once it is gone", { timeout: 60_000 }, async () => {
  await compared(() => Promise.resolve({ SLUICE_DOMAINS: DOMAIN }), async (stage) => {
    const { home } = stage;
    const [A, edge] = [await home.phone("A"), await home.edge("E", "127.0.0.2")];
    await edge.say(home.registerBehindOf(edge, "bob", { instance: instanceOf("one"), regId: 1 }).replace("path, outbound", "path, outbound, gruu"));
    const registered = await edge.response(200);
    await home.registerBehind(edge, "bob", { instance: instanceOf("two"), regId: 2 });
    const [, open = ""] = /pub-gruu="([^"]+)"/.exec(registered.text) ?? [];
    const [, hidden = ""] = /temp-gruu="([^"]+)"/.exec(registered.text) ?? [];
    expect([open, hidden].every((uri) => uri.startsWith("sip:"))).toBe(true);
    const call = async (uri: string, reaches: boolean): Promise<void> => {
      await A.say(`INVITE ${uri} SIP/2.0\nFrom: <sip:stranger@elsewhere.example>;tag=1\nContact: <sip:A@192.0.2.1>`);
      const { sent } = A;
      if (reaches) {
        stage.note("caller", await A.next(undefined, true));
        stage.note("edge", await edge.request("INVITE"));
        await edge.reply("486 Busy Here");
        stage.note("edge", await edge.request("ACK"));
      }
      stage.note("caller", await A.next());
      await stage.follow(A, sent, "ACK");
      await A.settle();
    };
    await call(open, true);
    await call(hidden, true);
    await home.registerBehind(edge, "bob", { instance: instanceOf("one"), regId: 1, expires: 0 });
    edge.forget();
    await call(open, false);
    await call(hidden, false);
    return 2;
  });
});
